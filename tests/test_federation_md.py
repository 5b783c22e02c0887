"""FEDERATION.md is held against the code: what it says of types, addresses, answers, signatures and limits is so."""

from __future__ import annotations

import ast
import base64
import importlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from federation import activities, actors, collections, notes, objects
from federation.actors import OutActor
from federation.claims import Scheme
from federation.notes import OutPost
from federation.signatures import Signer, sign
from node.fediverse import routes
from node.fediverse.receiving import NOTED, RECEIVES, UNDOES
from node.web.routes import PAGES
from storage import hosts, settling

ROOT = Path(__file__).parent.parent
FEDIVERSE = ROOT / "node" / "fediverse"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@cache
def document() -> str:
    return (ROOT / "FEDERATION.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}\n", document(), re.MULTILINE)
    assert found, f"there is no section {title}"
    rest = document()[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """The rows of the first table in a text, without its head."""
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table, "there is no table"
    lines = table[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(text: str) -> set[str]:
    """Everything in code font."""
    return set(re.findall(r"`([^`]+)`", text))


def sentence(text: str, beginning: str) -> str:
    """The sentence that begins so, up to its full stop."""
    found = re.search(rf"{re.escape(beginning)}(.*?)\.(?:\s|$)", text, re.DOTALL)
    assert found, f"no sentence begins with {beginning}"
    return found[1]


# ------------------------------------------------------------------ activities


def test_every_activity_that_is_received_is_told_and_no_other() -> None:
    assert {row[0].strip("`") for row in rows(section("Received"))} == set(RECEIVES)


def test_every_undo_is_told_and_no_other() -> None:
    assert named(sentence(section("Received"), "is done, whether")) == set(UNDOES)


def test_what_is_only_noted_is_told() -> None:
    assert named(sentence(section("Received"), "nothing more is done with them:")) == NOTED


def test_every_activity_that_is_sent_is_told_and_no_other() -> None:
    told = {kind for row in rows(section("Sent")) for kind in named(row[0])}

    assert told == set(_sent_types())


def _sent_types() -> Iterator[str]:
    """The builders of federation.activities that the door for servers calls, by the type of what they build."""
    types = {"report": "Flag", "emoji_react": "EmojiReact", "relocate": "Move", "personal_block": "Block"}
    builders = {
        function.name
        for function in ast.parse(Path(activities.__file__).read_text(encoding="utf-8")).body
        if isinstance(function, ast.FunctionDef) and not function.name.startswith("_")
    }
    for file in FEDIVERSE.glob("*.py"):
        for it in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(it, ast.Attribute) or not isinstance(it.value, ast.Name):
                continue
            if it.value.id == "activities" and it.attr in builders:
                yield types.get(it.attr, it.attr.title())


# ------------------------------------------------------------------ actors and objects


def test_every_type_of_actor_is_told() -> None:
    told = {row[0].strip("`"): row for row in rows(section("Actors"))}
    out = OutActor(
        id="https://moot.example/g/garden", username="garden", host="moot.example", page="https://moot.example/g/garden",
        public_key_pem="", shared_inbox="https://moot.example/inbox",
    )  # fmt: skip
    written = {make(out)["type"] for make in (actors.group_actor, actors.person_actor, actors.node_actor)}

    assert set(told) == actors.ACTOR_TYPES
    assert {kind for kind, row in told.items() if row[1]} == written


def test_every_type_of_object_that_is_read_is_told() -> None:
    told = {row[0].strip("`"): row[2] for row in rows(section("Objects"))}

    assert {kind for kind, read in told.items() if read.startswith("post")} == objects.POST_TYPES
    assert {kind for kind, read in told.items() if read == "ids"} == collections.COLLECTION_TYPES
    assert [kind for kind, read in told.items() if read == "what was deleted"] == ["Tombstone"]


def test_every_type_of_object_that_is_written_is_told() -> None:
    told = {row[0].strip("`") for row in rows(section("Objects")) if row[1]}
    uri = "https://moot.example/post/a"
    post = {
        "id": uri, "author": f"{uri}/u", "author_followers": f"{uri}/f", "group": f"{uri}/g",
        "group_handle": "garden@moot.example", "url": uri, "context": f"{uri}/context", "html": "", "source": "",
        "published": NOW, "title": "Compost",
    }  # fmt: skip
    many = [f"{uri}/{number}" for number in range(collections.MOST_ITEMS + 1)]
    written: list[dict[str, Any] | None] = [
        *(write(OutPost(**post)) for write in notes.DIALECTS.values()),
        notes.tombstone(uri, former_type="Note", deleted=NOW),
        collections.collection(uri, 0),
        collections.ordered_collection(uri, []),
        collections.replies_page(uri, []),
        collections.conversation(uri, many, title="", page=uri, group=uri),
        collections.conversation_page(uri, many, 1),
    ]

    assert {document["type"] for document in written if document} == told


def test_the_dialect_of_every_software_that_is_named_is_told() -> None:
    told = {row[0].lower(): row[1].lower() for row in rows(section("Two dialects of one post"))}

    for software, dialect in hosts.DIALECTS.items():
        assert software in told[dialect], f"{software} is not told among {dialect}"
        others = [who for name, who in told.items() if name not in (dialect, hosts.MICROBLOG)]
        assert not any(software in who for who in others)
    assert "everyone not named" in told[hosts.MICROBLOG]


# ------------------------------------------------------------------ FEPs, addresses, answers


def test_every_fep_that_the_code_speaks_of_is_told() -> None:
    spoken = set()
    for package in ("federation", "node", "storage"):
        for file in (ROOT / package).rglob("*.py"):
            for line in file.read_text(encoding="utf-8").splitlines():
                if "FEP-" in line:
                    spoken |= set(re.findall(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{4}\b", line.partition("FEP-")[2]))
    told = [re.match(r"\[FEP-([0-9a-f]{4})\]\(https://w3id\.org/fep/([0-9a-f]{4})\)", row[0]) for row in feps()]

    assert spoken
    assert all(told), "each is told as [FEP-abcd](https://w3id.org/fep/abcd): its name"
    assert all(match[1] == match[2] for match in told if match)
    assert spoken <= {match[1] for match in told if match}


def test_no_fep_is_told_twice_or_without_how_far() -> None:
    codes = [row[0] for row in feps()]

    assert len(set(codes)) == len(codes)
    assert all(row[1] for row in feps())


def feps() -> list[list[str]]:
    return rows(section("Supported FEPs"))


def test_every_address_for_servers_is_told_and_no_other() -> None:
    told = {(row[0], row[1].strip("`")) for row in rows(section("Names and addresses"))}
    there = {(route.method, _as_told(route.path)) for route in routes.routes()}
    there |= {("GET", _as_told(path)) for path in PAGES}

    assert told == there


def _as_told(path: str) -> str:
    path = re.sub(r"\{(\w+)(?::(?:[^{}]|\{[^{}]*\})*)?\}", r"<\1>", path)
    return path.replace("<uid>", "<id>")


def test_every_answer_of_an_inbox_is_told_and_no_other() -> None:
    told = {int(row[0]) for row in rows(section("What an inbox answers"))}

    assert told == {status for _, status in routes.STATUS}


def test_what_ends_a_delivery_is_told() -> None:
    told = sentence(section("Delivery"), "Taken as the last word are 2xx and ")

    assert {int(status) for status in re.findall(r"\d{3}", told)} == settling.FOR_GOOD
    assert set(re.findall(r"\d{3}", sentence(section("Delivery"), "whoever read only there."))) == {
        str(status) for status in settling.PERHAPS_LATER
    }


# ------------------------------------------------------------------ signatures


def test_both_schemes_of_signatures_are_told() -> None:
    assert {row[0].strip("`") for row in rows(section("Theirs"))} == set(get_args(Scheme))
    assert set(get_args(Scheme)) <= named(section("Ours"))


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer("https://moot.example/actor#main-key", rsa.generate_private_key(65537, 2048))


@pytest.mark.parametrize(("method", "body"), [("POST", b"{}"), ("GET", None)])
def test_what_our_signatures_cover_is_told(signer: Signer, method: str, body: bytes | None) -> None:
    url = "https://other.example/inbox"
    cavage = sign(signer, method, url, body=body, now=NOW)["Signature"]
    covered = re.search(r'headers="([^"]+)"', cavage)
    rfc9421 = sign(signer, method, url, body=body, now=NOW, scheme="rfc9421")["Signature-Input"]
    components = re.search(r"\(([^)]*)\)", rfc9421)

    assert covered and f"`{covered[1]}`" in section("Ours")
    assert 'algorithm="rsa-sha256"' in cavage and 'algorithm="rsa-sha256"' in section("Ours")
    assert components and (body is None or f"`{components[1]}`" in section("Ours"))
    assert rfc9421.startswith("sig1=") and "`sig1`" in section("Ours")
    assert base64.b64decode(cavage.rpartition('signature="')[2].rstrip('"'))


# ------------------------------------------------------------------ limits

UNITS: dict[str, Any] = {
    "MiB": lambda number: number * 1024 * 1024,
    "s": lambda number: timedelta(seconds=number),
    "minutes": lambda number: timedelta(minutes=number),
    "hour": lambda number: timedelta(hours=number),
    "hours": lambda number: timedelta(hours=number),
    "day": lambda number: timedelta(days=number),
    "days": lambda number: timedelta(days=number),
}


@pytest.mark.parametrize("row", rows(section("Limits")), ids=lambda row: row[2].strip("`"))
def test_a_limit_is_what_it_is_said_to_be(row: list[str]) -> None:
    _, told, name = row
    found = re.fullmatch(r"(?:every )?([\d,.]+)(?: (\w+))?", told)
    assert found, told
    meant: Any = float(found[1].replace(",", ""))
    meant = UNITS.get(found[2] or "", lambda number: number)(meant)
    real = _value(name.strip("`"))
    if isinstance(meant, timedelta) and not isinstance(real, timedelta):
        real = timedelta(seconds=real)

    assert real == meant


def test_numbers_in_the_text_are_those_of_the_table() -> None:
    """The same limit may be told in a sentence: it must not tell another number."""
    limits = {row[2].strip("`"): row[1] for row in rows(section("Limits"))}
    said = {
        "node.fediverse.threads.CHAIN": r"missing are\s+fetched, up to (\d+)",
        "federation.notes.MOST_PARTICIPANTS": r"and the (\d+)\s+latest participants",
        "storage.threads.REPLIES_SHOWN": r"with the first (\d+) direct answers",
        "node.fediverse.actors.OUTBOX": r"opened here, at most (\d+)",
        "federation.collections.MOST_ITEMS": r"a context of more than (\d+) items",
        "storage.settling.REFUSALS": r"tried (\d+) times within a day",
        "storage.settling.DEAD_AFTER": r"nothing was heard of it for (\d+) days",
        "storage.settling.DEAD_FAILURES": r"and (\d+) tries failed",
        "storage.followed_posts.KEPT": r"is kept for (\d+) days in a list",
    }
    for name, pattern in said.items():
        found = re.search(pattern, document())
        assert found, pattern
        assert found[1] == limits[name].split()[0], name


def _value(name: str) -> Any:
    """What stands in the code under a dotted name."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            value = getattr(value, attribute)
        return value
    raise AssertionError(f"there is no {name}")
