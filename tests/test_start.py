"""What a start loads: only what its role needs."""

import subprocess
import sys
from pathlib import Path

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


def test_help_is_there_before_the_node_is() -> None:
    modules = loaded_by("import node.cli")
    assert not {"sqlalchemy", "aiohttp", "cryptography"} & modules
