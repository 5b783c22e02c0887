"""The real web servers in front, as deploy/ sets them up, with a certificate of the run's own authority."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client import _RequestContextManager
from yarl import URL

from tests.equipment.certificates import authority
from tests.equipment.processes import ROOT, free_port
from tests.equipment.tools import missing

HOST = "node.test"
SECONDS = 20


@dataclass
class Front:
    """A web server before a node, and how a client reaches it by its name."""

    kind: str
    port: int
    tls_port: int
    session: aiohttp.ClientSession

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
        server_hostname: str = HOST,
    ) -> _RequestContextManager:
        """A request over TLS, to the name in the certificate."""
        return self.session.request(
            method,
            URL(f"https://127.0.0.1:{self.tls_port}{path}", encoded=True),
            headers={"Host": HOST, "Accept-Encoding": "identity"} | (headers or {}),
            data=None if data is None else io.BytesIO(data),
            ssl=authority().client_context(),
            server_hostname=server_hostname,
            allow_redirects=False,
        )


@pytest.fixture(params=["nginx", "caddy"])
def front_kind(request: pytest.FixtureRequest) -> str:
    """Each web server in turn; CI has nginx at least."""
    kind: str = request.param
    if not shutil.which(kind):
        words = f"{kind} is not installed: apt install --no-install-recommends {kind}"
        missing(words) if kind == "nginx" else pytest.skip(words)
    return kind


@asynccontextmanager
async def standing_before(upstream: int, kind: str) -> AsyncIterator[Front]:
    """The web server before that port."""
    port, tls_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="folkmoot-front-") as folder:
        os.chmod(folder, 0o755)  # nginx's own processes are of another user
        command = prepare(Path(folder), kind, upstream, port, tls_port)
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | {"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        saying = asyncio.create_task(process.stderr.read())
        try:
            await until_listening(tls_port, process, saying)
            async with aiohttp.ClientSession(auto_decompress=False) as session:
                yield Front(kind, port, tls_port, session)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            await saying


def prepare(folder: Path, kind: str, upstream: int, port: int, tls_port: int) -> list[str]:
    """Lays out what the web server needs, and answers how it is started."""
    (folder / "chain.pem").write_bytes(authority().chain(HOST))
    return (nginx if kind == "nginx" else caddy)(folder, upstream, port, tls_port)


def nginx(folder: Path, upstream: int, port: int, tls_port: int) -> list[str]:
    """deploy/nginx.conf as it is, but for names, ports and the certificate."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    for before, after in (
        ("    listen [::]:80;\n", ""),
        ("    listen [::]:443 ssl http2;\n", ""),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{tls_port} ssl http2;"),
        ("moot.example;", f"{HOST};"),
        ("https://moot.example$", f"https://{HOST}$"),
        ("/etc/letsencrypt/live/moot.example/fullchain.pem", f"{folder}/chain.pem"),
        ("/etc/letsencrypt/live/moot.example/privkey.pem", f"{folder}/chain.pem"),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
    ):
        assert before in text, f"deploy/nginx.conf has no {before!r} any more"
        text = text.replace(before, after)
    (folder / "folkmoot.conf").write_text(text)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log stderr warn;\nworker_processes 1;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}include {folder}/folkmoot.conf;\n}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def caddy(folder: Path, upstream: int, port: int, tls_port: int) -> list[str]:
    """deploy/Caddyfile as it is, but with a certificate of ours and on other ports."""
    text = (ROOT / "deploy/Caddyfile").read_text()
    head = "{$FOLKMOOT_DOMAIN:moot.example} {\n"
    assert head in text and "{$FOLKMOOT_UPSTREAM:127.0.0.1:8080}" in text
    ours = f"{HOST} {{\n\tbind 127.0.0.1\n\ttls {folder}/chain.pem {folder}/chain.pem\n"
    text = text.replace(head, ours).replace("{$FOLKMOOT_UPSTREAM:127.0.0.1:8080}", f"127.0.0.1:{upstream}")
    options = f"{{\n\tadmin off\n\thttp_port {port}\n\thttps_port {tls_port}\n\tskip_install_trust\n}}\n"
    (folder / "Caddyfile").write_text(options + text)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


async def until_listening(port: int, process: asyncio.subprocess.Process, saying: asyncio.Task[bytes]) -> None:
    """Until somebody answers there."""
    async with asyncio.timeout(SECONDS):
        while True:
            assert process.returncode is None, (await saying).decode()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.wait({saying}, timeout=0.02)
                continue
            writer.close()
            return
