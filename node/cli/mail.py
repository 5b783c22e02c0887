"""Mail at the console: what waits, what was sent, what failed, what it says, and whether it can be sent at all."""

import asyncio
import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from pathlib import Path

import click

from node.cli.console import Console, Trouble, verb
from node.mail import messages, sending
from node.mail.smtp import MailRefused, TryLater
from node.settings import Settings
from storage import clock, mails
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Shown:
    """A mail with its words."""

    uid: str
    state: str
    headers: dict[str, str]
    text: str
    html: str
    file: Path | None


@dataclass(frozen=True, slots=True)
class Line:
    """A mail in a list."""

    uid: str
    kind: str
    to: str
    state: str
    written_at: datetime
    tries: int
    next_try_at: datetime | None
    last_error: str | None
    file: Path | None


@click.group()
def mail() -> None:
    """Mail that goes out: what waits, what failed, a test.

    \b
    Examples:
      folkmoot mail list
      folkmoot mail test ana@coop.example
    """


@verb(mail, "list")
@click.option("--limit", default=50, show_default=True, help="So many of the newest.")
def list_mails(console: Console, limit: int) -> None:
    """List the newest mails: which wait, which were sent, and which were put aside and why.

    In development they are files; `folkmoot mail show` has their words.

    \b
    Example:
      folkmoot mail list
    """
    files = _files(console.settings())
    rows = [_line(row, files) for row in console.read(lambda work: mails.listed(work, limit))]
    rows += [_line_of_file(uid, file) for uid, file in files.items() if uid not in {row.uid for row in rows}]
    rows = sorted(rows, key=lambda row: _age(row.uid), reverse=True)[:limit]
    console.table(
        rows,
        ("uid", "kind", "to", "state", "written", "tries", "next try", "file or last error"),
        [
            (
                row.uid,
                row.kind,
                row.to,
                row.state,
                _short(row.written_at),
                row.tries,
                _short(row.next_try_at),
                row.file or row.last_error,
            )
            for row in rows
        ],
    )


@verb(mail, "show")
@click.argument("uid", required=False)
def show(console: Console, uid: str | None) -> None:
    """Show a mail, the newest unless another is named: its headers and its text. It may hold a secret.

    Words are erased once a mail is sent; in development they stay in its file.

    \b
    Examples:
      folkmoot mail show
      folkmoot mail show afb3k2vq7t5l6m4n2o8p0q1r2s --json
    """
    settings = console.settings()
    files = _files(settings)
    waiting = console.read(lambda work: _words_of(work, uid, settings))
    if uid is None:
        uid = max([*files, *([waiting.uid] if waiting is not None else [])], key=_age, default=None)
    shown = _shown(uid, "sent", _read(files[uid]), files[uid]) if uid in files else waiting
    if shown is None:
        raise Trouble(f"there is no mail {uid}" if uid else "there is no mail yet")
    if not shown.text:
        raise Trouble(f"mail {shown.uid} is {shown.state}: its words were erased")
    headers = [f"{name}: {value}" for name, value in shown.headers.items()]
    console.answer(shown, [*headers, "", shown.text.rstrip()])


@verb(mail, "retry")
@click.argument("uid", required=False)
@click.option("--all", "everything", is_flag=True, help="All that wait or were put aside.")
def retry(console: Console, uid: str | None, *, everything: bool) -> None:
    """Try again now: a mail, or all that wait or were put aside.

    \b
    Example:
      folkmoot mail retry --all
    """
    if (uid is None) != everything:
        raise click.UsageError("Name a mail, or say --all.")
    count = console.write(lambda work: mails.retry(work, uid))
    if uid is not None and not count:
        raise Trouble(f"mail {uid} does not wait, and its words were not kept")
    console.answer({"retried": count}, f"{count} mails are due now; a running node sends them.")


@verb(mail, "test")
@click.argument("address")
def test(console: Console, address: str) -> None:
    """Send a mail to ADDRESS now, past the queue, and say what the server answers.

    \b
    Example:
      folkmoot mail test ana@coop.example
    """
    settings = console.settings()
    try:
        answer = asyncio.run(sending.send_test(settings, address, at=clock.now))
    except (MailRefused, TryLater) as error:
        raise Trouble(f"the mail was not sent: {error}") from error
    sender = str(messages.sender(settings))
    console.answer({"from": sender, "to": address, "answer": answer}, f"From {sender} to {address}: {answer}")


def _files(settings: Settings) -> dict[str, Path]:
    """The mails in the folder of development, by uid."""
    return {file.stem.rpartition("-")[2]: file for file in sending.folder(settings).glob("*.eml")}


def _age(uid: str) -> bytes:
    """What puts uids in the order of their making, which their letters do not: UUIDv7 in base32."""
    try:
        return base64.b32decode(uid.upper() + "=" * (-len(uid) % 8))
    except ValueError:
        return b""  # somebody else put a file there


def _line(row: mails.Listed, files: dict[str, Path]) -> Line:
    return Line(
        row.uid, row.kind, row.to_address, row.state, row.created_at, row.tries, row.next_try_at, row.last_error,
        files.get(row.uid),
    )  # fmt: skip


def _line_of_file(uid: str, file: Path) -> Line:
    """Of a mail that the queue does not know, such as a test."""
    message = _read(file)
    return Line(uid, "", str(message["To"]), "sent", message["Date"].datetime, 1, None, None, file)


def _read(file: Path) -> EmailMessage:
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _words_of(work: Work, uid: str | None, settings: Settings) -> Shown | None:
    row = mails.newest(work) if uid is None else mails.by_uid(work, uid)
    if row is None:
        return None
    message = messages.build(mails.waiting_of(row), settings)
    return _shown(row.uid, mails.state_of(row), message, None)


def _shown(uid: str, state: str, message: EmailMessage, file: Path | None) -> Shown:
    text, html = (message.get_body((form,)) for form in ("plain", "html"))
    return Shown(
        uid,
        state,
        {name: str(value) for name, value in message.items() if name not in ("MIME-Version", "Content-Type")},
        _words(text),
        _words(html),
        file,
    )


def _words(part: MIMEPart | None) -> str:
    return str(part.get_content()).replace("\r\n", "\n").strip() if part is not None else ""


def _short(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at is not None else ""
