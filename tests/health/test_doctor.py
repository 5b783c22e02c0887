"""The doctor: a node looked at from inside and, through a real proxy with a certificate, from outside."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from node.app import Parts
from node.backups.taking import MARK
from node.cli import folkmoot
from node.doctor import inside, outside
from node.doctor.findings import Check, Finding, examine
from storage import clock as real_clock
from storage import hosts as stored_hosts
from tests.equipment.certificates import authority
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot, raise_node
from tests.mail.conftest import Mailbox, mail_server
from tests.peers.scripted import Answer, ScriptedServer

HOST = "moot.test"


@dataclass
class Proxy:
    """A front of the node, which may be set up badly."""

    behind: int
    port: int = 0
    tls_port: int = 0
    host: str = HOST
    forwarded: dict[str, str] = field(default_factory=lambda: {"X-Forwarded-For": "198.51.100.7"})
    gone: set[str] = field(default_factory=set)  # paths that it keeps to itself

    async def handle(self, request: web.Request) -> web.Response:
        if any(request.path.startswith(path) for path in self.gone):
            return web.Response(status=404)
        kept = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "connection")}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(
                f"http://127.0.0.1:{self.behind}{request.raw_path}",
                headers=kept | {"Host": self.host} | self.forwarded,
                allow_redirects=False,
            ) as answer,
        ):
            body = await answer.read()
            shown = {name: answer.headers[name] for name in ("Content-Type", "Date") if name in answer.headers}
            return web.Response(status=answer.status, body=body, headers=shown)


@pytest.fixture
async def moot(database_url: str, net: LoopbackNet, tmp_path: Path) -> AsyncIterator[Moot]:
    """A node whose clock is the machine's, as its certificate's is."""
    async with AsyncExitStack() as stack:
        yield await raise_node(stack, HOST, database_url, tmp_path / "node", net, None, real_clock.now)


@pytest.fixture
async def proxy(moot: Moot, net: LoopbackNet) -> AsyncIterator[Proxy]:
    """The front that the node's name leads to."""
    front = Proxy(moot.site.port)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", front.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority().server_context()).start()
    front.port, front.tls_port = (address[1] for address in runner.addresses)
    net.add(HOST, front)
    yield front
    await runner.cleanup()


async def found(parts: Parts, check: str, *, patience: float = 8.0) -> Finding:
    checks = outside.CHECKS | inside.CHECKS
    [finding] = [it async for it in examine(parts, {check: checks[check]}, patience=patience)]
    return finding


async def test_a_node_behind_a_good_proxy_is_well(moot: Moot, proxy: Proxy) -> None:
    grades = {it.check: (it.grade, it.says) async for it in examine(moot.parts, outside.CHECKS)}
    for check in ("our name", "proxy and signature", "actor", "webfinger", "nodeinfo"):
        assert grades[check][0] == "ok", (check, grades[check])
    assert grades["certificate"][0] == "warning" and "ends in" in grades["certificate"][1]  # the test's lasts two days


async def test_a_name_that_leads_inside_is_found(moot: Moot, proxy: Proxy, net: LoopbackNet) -> None:
    """SSR-01: nor is anything sent there."""
    net.add(HOST, proxy, "192.168.1.7")
    finding = await found(moot.parts, "our name")
    assert finding.grade == "failed" and "192.168.1.7" in finding.says and finding.remedy
    assert (await found(moot.parts, "certificate")).grade == "failed"
    assert (await found(moot.parts, "proxy and signature")).grade == "failed"


async def test_a_name_that_is_not_there_is_found(moot: Moot, net: LoopbackNet) -> None:
    net.forget(HOST)
    finding = await found(moot.parts, "our name")
    assert finding.grade == "failed" and "DNS" in finding.remedy


async def test_a_certificate_that_nobody_trusts_is_found(moot: Moot, proxy: Proxy) -> None:
    moot.parts.outside._tls = ssl.create_default_context()  # which does not know the test's authority
    finding = await found(moot.parts, "certificate")
    assert finding.grade == "failed" and "not trusted" in finding.says


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"host": "127.0.0.1:8080"}, "Host"),
        ({"forwarded": {"X-Forwarded-For": "198.51.100.7", "Date": "Tue, 24 Nov 2026 00:00:00 GMT"}}, "signature"),
        ({"forwarded": {}}, "for whom it asks"),
        ({"forwarded": {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http"}}, "X-Forwarded-Proto"),
        ({"gone": {"/.well-known/"}}, "does not come here"),
    ],
)
async def test_a_bad_proxy_is_found(moot: Moot, proxy: Proxy, fault: dict[str, object], said: str) -> None:
    for name, value in fault.items():
        setattr(proxy, name, value)
    finding = await found(moot.parts, "proxy and signature")
    assert finding.grade != "ok" and said in finding.says and finding.remedy, finding


async def test_what_a_proxy_keeps_to_itself_is_found(moot: Moot, proxy: Proxy) -> None:
    proxy.gone = {"/.well-known/webfinger", "/.well-known/nodeinfo", "/actor"}
    for check in ("webfinger", "nodeinfo", "actor"):
        assert (await found(moot.parts, check)).grade == "failed", check


async def test_the_mirror_shows_nothing_to_strangers(moot: Moot) -> None:
    status, _, _ = await moot.get("/.well-known/folkmoot/" + "a" * 32)
    assert status == 404


async def test_the_mirror_is_looked_into_once(moot: Moot, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    nonce = "b" * 32
    monkeypatch.setattr("node.fediverse.ourselves.secrets.token_urlsafe", lambda _length: nonce)
    await moot.parts.outside.look_into_mirror()
    status, _, _ = await moot.get(f"/.well-known/folkmoot/{nonce}")
    assert status == 404


@pytest.mark.parametrize(
    ("off", "grade"), [(0, "ok"), (-20, "ok"), (90, "warning"), (-400, "failed"), (3600, "failed")]
)
async def test_a_clock_that_is_off_is_found_by_what_others_say(
    moot: Moot, world: ScriptedServer, off: int, grade: str
) -> None:
    """REL-31: the middle of three, so that one server whose clock is wrong alarms nobody."""
    hosts = ("mastodon.test", "lemmy.test", "nodebb.test")
    await moot.storage.write(stored_hosts.make, hosts)
    for host, there in zip(hosts, (off, off + 1, 86_400), strict=True):
        said = format_datetime(datetime.now(UTC) + timedelta(seconds=there), usegmt=True)
        page = Answer(200, {"links": []}, content_type="application/json", headers={"Date": said})
        world.script("GET", f"https://{host}/.well-known/nodeinfo", page)
    finding = await found(moot.parts, "clock")
    assert finding.grade == grade, finding
    assert "3 other servers" in finding.says
    assert (finding.remedy != "") == (grade != "ok")


async def test_a_clock_that_nobody_can_be_asked_about_is_not_called_right(moot: Moot) -> None:
    assert "not compared" in (await found(moot.parts, "clock")).says


async def test_a_mail_server_is_greeted_and_sent_nothing(
    moot: Moot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS, with the name and the password of the settings; what the server says is passed on, they are not."""
    assert (await found(moot.parts, "mail server")).grade == "warning"  # there is none

    (tmp_path / "authority.pem").write_text(authority().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    mailbox, context, node = Mailbox(), authority().server_context(), moot.parts.node
    async with mail_server(
        mailbox, tls_context=context, require_starttls=True, auth_required=True, authenticator=mailbox.authenticate
    ) as server:
        for password, grade, said in (("p%2Fw", "ok", "lets us in (starttls)"), ("wrong", "failed", "535")):
            node.settings = replace(node.settings, smtp_url=f"smtp://ana:{password}@localhost:{server.port}")
            finding = await found(moot.parts, "mail server")
            assert (finding.grade, said in finding.says) == (grade, True), finding
            assert bool(finding.remedy) == (grade != "ok")
            assert "p/w" not in finding.says and "wrong" not in finding.says
        tried = list(mailbox.users)  # a wrong password is tried in each way that the server offers
        assert tried[0] == ("ana", "p/w") and set(tried[1:]) == {("ana", "wrong")}
        assert mailbox.received == []

        monkeypatch.delenv("SSL_CERT_FILE")
        finding = await found(moot.parts, "mail server")
        assert finding.grade == "failed" and "certificate" in finding.says.lower(), finding
        assert mailbox.users == tried, "no password goes to a server that nobody vouches for"
    finding = await found(moot.parts, "mail server")  # it is gone
    assert finding.grade == "failed" and "localhost" in finding.says and "smtp_url" in finding.remedy


async def test_a_check_that_hangs_is_cut(moot: Moot) -> None:
    async def hang(_parts: Parts) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    checks: dict[str, Check] = {"hanging": hang, "disk": inside.disk}
    hanging, _ = [it async for it in examine(moot.parts, checks, patience=0.05)]
    assert hanging.grade == "failed" and "no answer" in hanging.says


async def test_inside_of_a_fresh_node_nothing_has_failed(moot: Moot) -> None:
    moot.parts.node.settings.data.chmod(0o700)
    found = [it async for it in examine(moot.parts, inside.CHECKS)]
    assert {it.check for it in found if it.grade == "failed"} == set(), found
    assert {it.check for it in found if it.grade == "warning"} <= {"people", "disk"}, found


async def test_a_secret_that_others_can_read_is_found(moot: Moot) -> None:
    (moot.parts.node.settings.data / "secret").chmod(0o644)
    finding = await found(moot.parts, "files")
    assert finding.grade == "failed" and "chmod" in finding.remedy


async def test_an_old_backup_is_told(moot: Moot) -> None:
    mark = moot.parts.node.settings.data / MARK
    mark.touch()
    assert (await found(moot.parts, "backup")).grade == "ok"
    old = (datetime.now(UTC) - timedelta(days=9)).timestamp()
    os.utime(mark, (old, old))
    assert (await found(moot.parts, "backup")).grade == "warning"


def test_the_command_says_what_failed_and_ends_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ORIGIN": "http://127.0.0.1:1", "DATA": str(tmp_path / "node"), "DEVELOPMENT": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"FOLKMOOT_{name}", value)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(folkmoot, ["doctor", "--json"])
    said = json.loads(result.stdout)
    assert result.exit_code == 1 and said["failed"] >= 1
    assert {"check", "grade", "says", "remedy"} == said["checks"][0].keys()
    inner = CliRunner().invoke(folkmoot, ["doctor", "--inside-only"])
    assert inner.exit_code == 0, inner.output
