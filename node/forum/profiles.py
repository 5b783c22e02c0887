"""Profiles: what people say of themselves, and the pages elsewhere that say the same of them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from node.forum import text
from node.forum.errors import Invalid
from node.forum.events import ActorChanged
from storage.schema import Actor
from storage.work import Work

MOST_FIELDS = 6
FIELD_NAME, FIELD_VALUE = 50, 300  # characters
SUMMARY = 5000
NAME = 100


@dataclass(frozen=True, slots=True)
class Field:
    """A row of the table on a profile; `verified_at` is when its page was seen to link back."""

    name: str
    value: str
    verified_at: datetime | None = None

    @property
    def url(self) -> str | None:
        """The page that the value is the address of, if it is one."""
        return web_page(self.value)


def web_page(value: str) -> str | None:
    """The value, if it is the address of a page and nothing else."""
    if not re.fullmatch(r"https?://[^\s<>\"\\^`{|}\x00-\x20\x7f]+", value):
        return None
    try:
        parts = urlsplit(value)
        return value if parts.hostname and parts.username is None and parts.port != 0 else None
    except ValueError:
        return None


def fields(actor: Actor) -> tuple[Field, ...]:
    """The rows of someone's profile."""
    return tuple(_read(row) for row in actor.fields or ())


def _read(row: Any) -> Field:
    at = row.get("verified_at")
    return Field(row["name"], row["value"], datetime.fromisoformat(at) if at else None)


def edit(
    work: Work, actor: Actor, *, display_name: str, summary: str, rows: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """Changes what someone says of themselves; answers the pages that have to be asked whether they link back."""
    if len(display_name.strip()) > NAME:
        raise Invalid("A name has at most %(most)s characters.", most=NAME, field="display_name")
    if len(summary) > SUMMARY:
        raise Invalid("That may have %(most)s characters.", most=SUMMARY, field="summary")
    known = {field.value: field.verified_at for field in fields(actor)}
    kept = [Field(name, value, known.get(value)) for name, value in _clean(rows)]
    actor.display_name = text.clean_name(display_name, NAME) or actor.name
    actor.summary_source, actor.summary = summary or None, text.from_markdown(summary).html if summary.strip() else ""
    _keep(work, actor, kept)
    return tuple(field.value for field in kept if field.url is not None)


def _clean(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    found = []
    for place, (name, value) in enumerate(rows):
        name, value = " ".join(name.split()), " ".join(value.split())
        if not name and not value:
            continue
        if not name or not value:
            empty = "field-name" if value else "field-value"
            raise Invalid("A row has a name and a value, or neither.", field=f"{empty}-{place + 1}")
        for what, held, most in (("field-name", name, FIELD_NAME), ("field-value", value, FIELD_VALUE)):
            if len(held) > most:
                raise Invalid("That may have %(most)s characters.", most=most, field=f"{what}-{place + 1}")
        found.append((name, value))
    if len(found) > MOST_FIELDS:
        raise Invalid("A profile has at most %(most)s rows.", most=MOST_FIELDS)
    return found


def verify(work: Work, actor: Actor, asked: Collection[str], linking: Collection[str]) -> None:
    """Of the pages that were asked, those link back; whatever was not asked stays as it is."""
    kept = [
        Field(row.name, row.value, work.now if row.value in linking else None) if row.value in asked else row
        for row in fields(actor)
    ]
    if [bool(row.verified_at) for row in kept] != [bool(row.verified_at) for row in fields(actor)]:
        _keep(work, actor, kept)


def _keep(work: Work, actor: Actor, kept: Sequence[Field]) -> None:
    actor.fields = [
        {"name": row.name, "value": row.value, "verified_at": row.verified_at and row.verified_at.isoformat()}
        for row in kept
    ] or None
    actor.version += 1
    actor.updated_at = work.now
    work.flush()
    work.happened(ActorChanged(actor))
