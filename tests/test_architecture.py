"""The picture in CONTRIBUTING.md, asserted from the imports: who may know whom, and which library is known where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("federation", "storage", "node")

# Who may import what of ours: the longest name that fits says it, and a name allows all that is below it.
MAY_IMPORT: dict[str, set[str]] = {
    "federation": {"federation"},
    "storage": {"storage"},
    "node.forum": {"node.forum", "storage"},
    # The doors, which never know each other; only one of them knows the wire.
    "node.web": {
        *("node.web", "node.forum", "node.node", "node.settings", "node.languages", "node.live", "node.passwords"),
        *("node.sealing", "node.logs", "node.room", "node.VERSION", "storage"),
    },
    "node.fediverse": {
        *(
            "node.fediverse",
            "node.forum",
            "node.node",
            "node.settings",
            "node.logs",
            "node.room",
            "node.VERSION",
            "storage",
            "federation",
        ),
    },
    # What ties the ends. `Network` in node.node is how a page asks for the fediverse without knowing it.
    "node.settings": set(),
    "node.languages": set(),
    "node.live": {"storage"},
    "node.logs": {"node.settings"},
    "node.node": {
        *("node.settings", "node.forum", "node.live", "node.passwords", "node.room", "node.sealing", "storage"),
        "federation.client",
    },
    "node.passwords": set(),
    "node.room": {"node.settings", "storage"},
    "node.sealing": set(),
    "node.consequences": {"node.forum", "node.fediverse", "node.mail", "node.live", "node.node", "storage"},
    "node.mail": {"node.mail", "node.forum", "node.languages", "node.node", "node.settings", "storage"},
    "node.worker": {"node.forum", "node.fediverse", "node.mail", "node.node", "node.settings", "storage"},
    # The app makes the client: it names what the client is given, and no more of the wire than that.
    "node.app": {"node", "storage", "federation.client", "federation.resolving", "federation.signatures"},
    # The command line, the server process and whatever else stands at the end: the wire only through the door.
    "node": {"node", "storage"},
}

# Libraries that are known in one place.
ONLY_IN = {
    "sqlalchemy": ("storage",),
    "alembic": ("storage.migrations",),
    "psycopg": ("storage",),
    "httpsig": ("federation.cavage",),
    "http_message_signatures": ("federation.rfc9421",),
    "jinja2": ("node.web", "node.mail"),
    "babel": ("node.languages",),
    "aiosmtplib": ("node.mail",),
    "argon2": ("node.passwords",),
    "webauthn": ("node.web",),
    "prometheus_client": ("node.metrics",),
    "click": ("node.cli", "node.__main__"),
    # Verbs never mention HTTP, and the database knows none.
    # A restored node is asked over HTTP, as whoever comes first would ask it.
    "aiohttp": (
        *(
            "federation",
            "node.web",
            "node.fediverse",
            "node.node",
            "node.app",
            "node.serving",
            "node.logs",
            "node.health",
            "node.metrics",
        ),
        "node.backups",
    ),
}

VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc", "core", "shared"}


@dataclass(frozen=True)
class Import:
    """One import statement: who, where, what, and whether it hides in a function."""

    module: str
    file: Path
    line: int
    imported: str
    inside: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.imported}"


def sources() -> list[Path]:
    return sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def modules() -> frozenset[str]:
    return frozenset(name_of(file) for file in sources())


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for file in sources() for found in _imports_of(file))


def _imports_of(file: Path) -> Iterator[Import]:
    inside = {
        node
        for function in ast.walk(tree_of(file))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree_of(file)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: an import says from where, in full"
            # `from node import VERSION` takes a name of the package, `from node import app` a module below it.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            yield Import(name_of(file), file, node.lineno, name, node in inside)


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def is_below(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def allowed_for(module: str) -> set[str]:
    fitting = [place for place in MAY_IMPORT if is_below(module, place)]
    return MAY_IMPORT[max(fitting, key=len)]


def said(found: list[Import]) -> str:
    return "\n" + "\n".join(map(str, found))


# ------------------------------------------------------------------ who knows whom


@pytest.mark.parametrize("place", sorted(MAY_IMPORT))
def test_imports_go_downwards(place: str) -> None:
    wrong = [
        it
        for it in imports()
        if is_ours(it.imported)
        and allowed_for(it.module) is MAY_IMPORT[place]
        and not any(is_below(it.imported, allowed) for allowed in MAY_IMPORT[place])
    ]

    assert not wrong, said(wrong)


def test_no_two_modules_need_each_other() -> None:
    """A circle of imports is a module cut in the wrong place."""
    needs: dict[str, set[str]] = {module: set() for module in modules()}
    for it in imports():
        if is_ours(it.imported):
            target = it.imported if it.imported in modules() else it.imported.rpartition(".")[0]
            if target in modules() and not is_below(it.module, target):
                needs[it.module].add(target)

    while free := {module for module, needed in needs.items() if not needed & needs.keys()}:
        needs = {module: needed for module, needed in needs.items() if module not in free}

    assert not needs, f"these need each other: {', '.join(sorted(needs))}"


def test_nothing_of_ours_is_imported_inside_a_function() -> None:
    wrong = [it for it in imports() if it.inside and is_ours(it.imported)]

    assert not wrong, said(wrong)


def test_nothing_of_the_tests_is_imported_by_the_program() -> None:
    wrong = [it for it in imports() if is_below(it.imported, "tests")]

    assert not wrong, said(wrong)


# ------------------------------------------------------------------ what is known where


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_known_in_one_place(library: str) -> None:
    wrong = [
        it
        for it in imports()
        if is_below(it.imported, library) and not any(is_below(it.module, place) for place in ONLY_IN[library])
    ]

    assert not wrong, said(wrong)


def test_the_verifier_of_httpsig_is_never_called() -> None:
    """It takes the algorithm from the request: an HMAC keyed with a public key would verify (SIG-02)."""
    assert {it.imported for it in imports() if is_below(it.imported, "httpsig")} == {"httpsig.utils"}


def test_only_settings_read_the_environment() -> None:
    reading = {"environ", "environb", "getenv", "getenvb", "putenv"}
    found = set()
    for file in sources():
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                found |= {name_of(file)} if node.attr in reading else set()
    found |= {it.module for it in imports() if it.imported in {f"os.{name}" for name in reading}}

    assert found <= {"node.settings"}


# ------------------------------------------------------------------ names and words


def test_every_module_is_named_for_what_it_holds() -> None:
    wrong = sorted(module for module in modules() if VAGUE & set(module.split(".")))

    assert not wrong, f"these names say nothing: {', '.join(wrong)}"


@pytest.mark.parametrize("folder", [*PACKAGES, "tests"])
def test_every_file_begins_by_saying_what_it_is(folder: str) -> None:
    files = [file for file in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in file.parts]
    silent = [str(file.relative_to(ROOT)) for file in files if not ast.get_docstring(tree_of(file))]

    assert files, f"there is nothing in {folder}"
    assert not silent, f"without a docstring: {', '.join(silent)}"
