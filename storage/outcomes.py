"""How far an item came: what was said of it to other servers, and where that did not arrive."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, select

from storage.ledger import HIDDEN
from storage.schema import Activity, Delivery, GivenUp
from storage.work import Work

TOLD = ("Create", "Update", "Delete", "relay")
REACTIONS = frozenset(("Like", "Dislike", "EmojiReact", "Undo"))
LISTED = 20  # tellings of one item; an item that is edited more often than that shows the latest
SERVERS = 200  # named on one page


@dataclass(frozen=True, slots=True)
class Telling:
    """Something that was said of the item, and how far it came."""

    kind: str  # Create, Update, Delete; relay and Announce: the group passed it on
    activity_id: int
    created_at: datetime
    reached: int
    waiting: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Missed:
    """A server where something that was said of the item did not arrive, or not yet."""

    host: str
    fate: str  # waiting, parked, or why it was given up
    why: str  # as the log has it: for admins
    status: int | None  # what it answered last, while it is still tried
    attempts: int
    next_try_at: datetime | None


def tellings(work: Work, uri: str, author_id: int | None, group_id: int) -> list[Telling]:
    """What its author and its group said of the item, the latest first. Who likes it, and tells whom, is not in it."""
    rows: Sequence[Row[*tuple[Any, ...]]] = work.execute(
        select(
            Activity.type, Activity.id, Activity.created_at, Activity.owed, Activity.delivered, Activity.given_up,
        )
        .where(Activity.about == uri, Activity.type.in_(TOLD), Activity.actor_id.in_((author_id or 0, group_id)))
        .order_by(Activity.id.desc())
        .limit(LISTED)
    ).all()  # fmt: skip
    announced: Sequence[Row[*tuple[Any, ...]]] = work.execute(
        select(
            Activity.type, Activity.id, Activity.created_at, Activity.owed, Activity.delivered, Activity.given_up,
            case((Activity.microblog.is_(None), Activity.forum)).label("wrapped"),
        )
        .where(Activity.about == uri, Activity.type == "Announce", Activity.actor_id == group_id)
        .order_by(Activity.id)  # the first of them pass the words on; those after them mostly likes
        .limit(LISTED)
    ).all()  # fmt: skip
    found = [*rows, *(row for row in announced if not _is_about_reaction(row.wrapped))]
    return [
        Telling(row.type, row.id, row.created_at, row.delivered, row.owed - row.delivered - row.given_up, row.given_up)
        for row in sorted(found, key=lambda row: -int(row.id))
        if row.owed
    ]


def _is_about_reaction(wrapped: bytes | None) -> bool:
    """The group passes on that somebody likes it, not what it says."""
    if wrapped is None:
        return False
    inner = json.loads(wrapped).get("object")
    return isinstance(inner, dict) and inner.get("type") in REACTIONS


def missed(work: Work, tellings: Sequence[Telling]) -> list[Missed]:
    """The servers where some of that did not arrive, by name, each once: with what is still tried before the rest."""
    ids = [telling.activity_id for telling in tellings if telling.waiting or telling.given_up]
    if not ids:
        return []
    waiting = work.execute(
        select(
            Delivery.host, Delivery.parked_at, Delivery.last_error, Delivery.last_status, Delivery.attempts,
            Delivery.next_try_at,
        )
        .where(Delivery.activity_id.in_(ids))
        .order_by(Delivery.host, Delivery.id)
        .limit(SERVERS)
    )  # fmt: skip
    lost = work.execute(
        select(GivenUp.host, GivenUp.fate, GivenUp.why, GivenUp.attempts)
        .where(GivenUp.activity_id.in_(ids), GivenUp.fate != HIDDEN)
        .order_by(GivenUp.host, GivenUp.id.desc())
        .limit(SERVERS)
    )
    found: dict[tuple[str, bool], Missed] = {}
    for host, parked_at, error, status, attempts, next_try_at in waiting:
        fate = "parked" if parked_at else "waiting"
        found.setdefault((host, True), Missed(host, fate, error or "", status, attempts, next_try_at))
    for host, fate, why, attempts in lost:
        found.setdefault((host, False), Missed(host, fate, why, None, attempts, None))
    return sorted(found.values(), key=lambda one: (one.fate not in ("waiting", "parked"), one.host))
