"""The log: a line for each thing, whatever others wrote into it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from node import logs


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Where the lines go; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_nobody_starts_a_line_of_their_own(log: io.StringIO) -> None:
    """a name with a line break or an escape sequence forges no entry."""
    logs.set_up("info", "text", to=log)
    logging.getLogger("node.x").info("from %s", "ana\n2026-01-01 error node: all is lost\x1b[2J\u202e")
    [line] = log.getvalue().splitlines()
    assert "\\u000a2026" in line and "\x1b" not in line and "\u202e" not in line


def test_a_json_line_has_its_request_and_its_error(log: io.StringIO) -> None:
    logs.set_up("info", "json", to=log)
    try:
        raise ValueError("no\nway")
    except ValueError:
        logging.getLogger("node.x").exception("failed", extra={"request_id": "r1"})
    said = json.loads(log.getvalue())
    assert (said["level"], said["logger"], said["request_id"]) == ("error", "node.x", "r1")
    assert "ValueError" in said["error"]


def test_lines_say_to_what_they_belong(log: io.StringIO) -> None:
    logs.set_up("info", "json", to=log)
    with logs.about(request_id="r1"), logs.about(letter=7, host="peer.example"):
        logging.getLogger("node.x").info("read")
    logging.getLogger("node.x").info("outside")
    inside, outside = map(json.loads, log.getvalue().splitlines())
    assert (inside["request_id"], inside["letter"], inside["host"], inside["msg"]) == ("r1", 7, "peer.example", "read")
    assert inside["ts"].endswith("Z") and not outside.keys() & set(logs.FIELDS)


def test_the_values_of_a_statement_are_not_logged(log: io.StringIO) -> None:
    """what a database error repeats may be a private message."""
    logs.set_up("info", "text", to=log)
    error = (
        "(sqlite3.IntegrityError) x\n[SQL: INSERT INTO comments VALUES (?)]\n[parameters: ('dear [diary]',)]\n(more)"
    )
    try:
        raise RuntimeError(error)
    except RuntimeError:
        logging.getLogger("node.x").exception("failed: %s", error)
    assert "diary" not in log.getvalue() and "IntegrityError" in log.getvalue()


def test_what_libraries_say_in_passing_is_left_out(log: io.StringIO) -> None:
    logs.set_up("debug", "text", to=log)
    logging.getLogger("sqlalchemy.engine").info("INSERT INTO comments")
    logging.getLogger("node.x").debug("seen")
    assert log.getvalue().count("\n") == 1


def test_secrets_in_addresses_are_not_written_down(log: io.StringIO) -> None:
    """PRV-18: whoever reads the log cannot use an invitation, a join link or the link of a mail."""
    logs.set_up("info", "text", to=log)
    secret = "Abcdefghijklmnopqrst-_0123456789"
    for path in (f"/invitations/{secret}", f"/join/{secret}", f"/reset/{secret}", f"/sign-in/link/{secret}"):
        logging.getLogger("node.x").info("GET %s 200", path)
    logging.getLogger("node.x").info("GET %s 200", f"/sign-up?invitation={secret}&x=1")
    logging.getLogger("node.x").info("GET %s 200", "/invitations/12")
    assert secret not in log.getvalue()
    assert log.getvalue().count("[hidden]") == 5
    assert "/invitations/12" in log.getvalue()
