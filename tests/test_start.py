"""What a start loads: only what its role needs."""

import subprocess
import sys
from pathlib import Path

from node.web import look

ROOT = Path(__file__).parents[1]


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after the code."""
    said = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(said.stdout.split())


def test_a_node_on_sqlite_loads_no_postgresql_driver() -> None:
    modules = loaded_by("import node.app")
    assert not {"psycopg", "psycopg2", "asyncpg"} & modules


def test_a_start_reads_nothing_that_only_some_day_needs() -> None:
    """Steps of migrations, signatures, passkeys: half of a start on a small machine."""
    modules = loaded_by("import node.cli.running")
    assert not {"alembic", "mako", "httpsig", "Crypto", "pkg_resources", "webauthn", "OpenSSL"} & modules


def test_the_newest_step_is_known_without_alembic() -> None:
    loaded_by("from storage import migrations, steps; assert migrations.known()[-1] == steps.newest()")


def test_every_template_can_be_read() -> None:
    """A start reads none; the first who needs one waits for that one."""
    templates = look.environment()
    for name in templates.list_templates(extensions=["html"]):
        templates.get_template(name)


def test_help_is_there_before_the_node_is() -> None:
    modules = loaded_by("import node.cli")
    assert not {"sqlalchemy", "aiohttp", "cryptography"} & modules
