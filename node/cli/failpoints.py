"""Failpoints at the console: where a node under test can be made to fail, read from the program's own source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from node.cli.console import Console, Trouble, verb
from storage.failpoints import AFTER, BEFORE, POINTS, written

ROOT = Path(__file__).parents[2]
FOLDERS = ("node", "storage")
STEPS = "storage/migrations/versions"  # what runs there is within a transaction of storage/migrations
STORAGES = ("storage", "_storage", "console")  # what `.write(verb)` of begins a transaction
HANDS_ON = ("_write_down",)  # methods that write what they are given


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the source where something becomes durable."""

    file: str
    line: int
    inside: str  # qualified name of the function
    kind: str  # write: a function run as a transaction; commit: one that we begin and commit by hand
    name: str | None  # of the failpoints before and after it; None where the function is handed in, or has none
    handed: bool = False  # the function is a parameter: its name is that of whatever is handed in
    reaches: bool = False  # a commit by hand, in a function that reaches failpoints


@cache
def sites() -> tuple[Site, ...]:
    """Every commit site of the program."""
    found: list[Site] = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            path = file.relative_to(ROOT)
            if not path.as_posix().startswith(STEPS):
                found += _Reader(path).read(ast.parse(file.read_text(encoding="utf-8")))
    return tuple(found)


def names() -> dict[str, str]:
    """Every failpoint by its name, with where it is."""
    listed: dict[str, str] = {}
    for site in sites():
        if site.name is not None:
            for when in (BEFORE, AFTER):
                listed.setdefault(f"{site.name}.{when}", f"{site.file}:{site.line}")
    return dict(sorted(listed.items())) | POINTS


class _Reader(ast.NodeVisitor):
    """Reads one file: what its names stand for, and what it makes durable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        parts = path.with_suffix("").parts
        self.module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self.imported: dict[str, str] = {}
        self.defined: set[str] = set()
        self.stack: list[ast.AST] = []
        self.found: list[Site] = []

    def read(self, tree: ast.Module) -> list[Site]:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for name in node.names:
                    self.imported[name.asname or name.name] = f"{node.module}.{name.name}"
        self.defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        self.visit(tree)
        return self.found

    def _enter(self, node: ast.AST) -> None:
        self.stack.append(node)
        self.generic_visit(node)
        self.stack.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _enter

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("write", "begin", "commit", *HANDS_ON):
            receiver = ast.unparse(node.func.value).rpartition(".")[2]
            if node.func.attr in ("begin", "commit"):
                if receiver not in self.imported:
                    self._add(node, "commit", None, reaches=self._reaches())
            elif node.args and (receiver in STORAGES or node.func.attr != "write"):
                handed = self._is_handed(node.args[0])
                name = self._name(node.args[0]) if not handed else None
                self._add(node, "write", name, handed=handed)
        self.generic_visit(node)

    def _add(self, node: ast.Call, kind: str, name: str | None, *, handed: bool = False, reaches: bool = False) -> None:
        inside = ".".join(self._qualified())
        self.found.append(Site(self.path.as_posix(), node.lineno, inside, kind, name, handed, reaches))

    def _qualified(self) -> list[str]:
        return [node.name for node in self.stack if not isinstance(node, ast.Lambda) and hasattr(node, "name")]

    def _functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (node for node in reversed(self.stack) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    def _reaches(self) -> bool:
        function = next(self._functions(), None)
        return function is not None and any(
            isinstance(node, ast.Attribute) and node.attr in ("reach", "reach_commit") for node in ast.walk(function)
        )

    def _name(self, verb: ast.expr) -> str | None:
        """What `storage.failpoints.name_of` will say of the function."""
        if isinstance(verb, ast.Lambda):
            return written(self.module, ".".join(self._qualified()))
        if isinstance(verb, ast.Call) and ast.unparse(verb.func) == "partial":
            return self._name(verb.args[0])
        if isinstance(verb, ast.Attribute):
            first, _, rest = ast.unparse(verb).partition(".")
            target = self.imported.get(first)
            return written(target, rest) if target is not None else None
        if not isinstance(verb, ast.Name):
            return None
        for depth, function in enumerate(self._functions()):
            if any(isinstance(node, ast.FunctionDef) and node.name == verb.id for node in ast.walk(function)):
                qualified = self._qualified()
                return written(self.module, ".".join([*qualified[: len(qualified) - depth], verb.id]))
        if verb.id in self.defined:
            return written(self.module, verb.id)
        module, _, name = self.imported.get(verb.id, "").rpartition(".")
        return written(module, name) if module else None

    def _is_handed(self, verb: ast.expr) -> bool:
        """It is a parameter of one of the functions around."""
        given = {
            argument.arg
            for function in self._functions()
            for argument in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        }
        return isinstance(verb, ast.Name) and verb.id in given


@verb(name="failpoints")
def failpoints(console: Console) -> None:
    """Where a node in development mode can be made to die, fail or wait, to prove that nothing is lost.

    \b
    Examples:
      folkmoot failpoints
      FOLKMOOT_FAILPOINT=web.composing.post.after-commit:kill folkmoot serve
    """
    if not console.settings().development:
        raise Trouble("failpoints are for development mode: development = true")
    listed = names()
    rows = [{"name": name, "where": where} for name, where in listed.items()]
    console.table(rows, ("Failpoint", "Where"), listed.items())
