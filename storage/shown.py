"""Items as pages show them: whatever may not be shown has lost its words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Row, Text, bindparam, cast, func, or_, select

from storage import visibility
from storage.people import Person
from storage.schema import Actor, Block, Bookmark, Comment, Host, Reaction
from storage.work import Work

NAMED = 40  # reactions to an item that are shown with who; more are a number
LISTED = 1000  # reactions on a page that are read one by one, and not counted by the database

# What every item has, and what few have: each value that is read costs more than the row that it stands in.
COLUMNS = (
    Comment.id,
    Comment.uid,
    Comment.uri,
    Comment.number,
    Comment.depth,
    Comment.state,
    Comment.author_id,
    Comment.parent_id,
    Comment.html,
    Comment.published_at,
    Comment.edited_at,
    Comment.likes_count,
    Comment.boosts_count,
)
SELDOM = (
    Comment.reason,
    Comment.language,
    Comment.summary,
    Comment.sensitive,
    Comment.attachments,
    Comment.tags,
    Comment.question,
    Comment.page_url,
    Comment.moved_to_id,
)
# Statements that every page asks are made once: to build one takes longer than to run it.
IDS: BindParameter[int] = bindparam("ids", expanding=True)
OF_SELDOM = select(Comment.id, *SELDOM).where(
    Comment.id.in_(IDS),
    or_(
        Comment.state != visibility.VISIBLE,
        Comment.sensitive,
        Comment.language.is_not(None),
        Comment.summary.is_not(None),
        Comment.page_url.is_not(None),
        Comment.question.is_not(None),
        cast(Comment.attachments, Text) != "[]",
        cast(Comment.tags, Text) != "[]",
    ),
)
OF_PARENTS = select(Comment.id, Comment.number, Comment.author_id, Comment.state).where(Comment.id.in_(IDS))
OF_REACTIONS = (
    select(Reaction.comment_id, Reaction.kind, Reaction.actor_id)
    .where(Reaction.comment_id.in_(IDS))
    .order_by(Reaction.id)
    .limit(LISTED + 1)
)
OF_BOOKMARKS = select(Bookmark.comment_id).where(Bookmark.actor_id == bindparam("viewer"), Bookmark.comment_id.in_(IDS))
OF_BLOCKED = select(Host.host).where(Host.host.in_(IDS), Host.limit == "suspend")
OF_PEOPLE = (
    Actor.id,
    Actor.name,
    Actor.display_name,
    Actor.local,
    Actor.host,
    Actor.kind,
    Actor.uri,
    Actor.url,
    Actor.icon_url,
    Actor.state,
)
SELECT_PEOPLE = select(*OF_PEOPLE).where(Actor.id.in_(IDS), Actor.state != "suspended")
# The same with whom the viewer blocked: joined, so that it costs no question of its own.
SELECT_PEOPLE_OF_READER = (
    select(*OF_PEOPLE, Block.id.label("block"))
    .outerjoin(Block, (Block.target_id == Actor.id) & (Block.actor_id == bindparam("viewer")))
    .where(Actor.id.in_(IDS), Actor.state != "suspended")
)


@dataclass(frozen=True, slots=True)
class Item:
    """An item as a page shows it; what is not visible keeps its place without words."""

    id: int
    uid: str
    uri: str
    number: int
    depth: int  # 1 answers the opening
    state: str
    reason: str | None
    author: Person | None
    html: str
    language: str | None
    summary: str | None
    sensitive: bool
    attachments: tuple[dict[str, Any], ...]
    tags: tuple[str, ...]
    question: dict[str, Any] | None
    published_at: datetime
    edited_at: datetime | None
    parent_number: int | None
    parent_author: str | None
    likes: int
    boosts: int
    reactions: tuple[tuple[str, int], ...]  # like, dislike or an emoji, and how many
    page_url: str | None
    moved_to: str | None = None  # the uid of its place in the thread that it was split off into
    named: tuple[tuple[str, tuple[Person, ...]], ...] = ()  # who reacted how, where they are few enough to be named
    mine: frozenset[str] = frozenset()  # how the viewer reacted
    kept: bool = False  # among the viewer's bookmarks
    new: bool = False  # the viewer has not seen it
    blocked: bool = False  # its author, by the viewer: it is folded away

    @property
    def covered(self) -> bool:
        """Its words wait behind a warning."""
        return self.sensitive or self.summary is not None

    @property
    def remote(self) -> bool:
        return self.author is not None and not self.author.local

    @property
    def all_reactions(self) -> tuple[tuple[str, int, tuple[Person, ...]], ...]:
        """Every kind of reaction with how many and who: likes, dislikes and boosts first, emoji as they came."""
        people, counts = dict(self.named), dict(self.reactions)
        counts["like"], counts["boost"] = counts.get("like", self.likes), self.boosts
        first = ("like", "dislike", "boost")
        kinds = (*first, *(kind for kind in counts if kind not in first))
        return tuple((kind, counts[kind], people.get(kind, ())) for kind in kinds if counts.get(kind))


def by_ids(work: Work, ids: Sequence[int], viewer: int | None) -> dict[int, Item]:
    """The items of these ids."""
    rows = work.rows(select(*COLUMNS).where(Comment.id.in_(ids)))
    return {item.id: item for item in of_rows(work, rows, viewer)}


def of_rows(work: Work, rows: Sequence[Row[*tuple[Any, ...]]], viewer: int | None) -> list[Item]:
    """The items whose columns these are, in the same order."""
    parents = {row.id: (row.number, row.author_id, row.state) for row in rows}
    absent = {row.parent_id for row in rows if row.parent_id is not None} - parents.keys()
    if absent:
        found_above = work.rows(OF_PARENTS, {"ids": list(absent)})
        parents |= {parent_id: (number, author, state) for parent_id, number, author, state in found_above}
    standing = [row.id for row in rows if row.state == visibility.VISIBLE]
    counted, reacted, mine = _reactions(work, standing, viewer)
    concerned = {author for _, author, _ in parents.values() if author is not None}
    people, blocked = _people(work, concerned.union(actor_id for _, _, actor_id in reacted), viewer)
    named: dict[int, dict[str, list[Person]]] = {}
    for comment_id, kind, actor_id in reacted:
        if actor_id in people and actor_id not in blocked:
            named.setdefault(comment_id, {}).setdefault(kind, []).append(people[actor_id])
    kept = _kept(work, standing, viewer)
    seldom = {row.id: row for row in work.rows(OF_SELDOM, {"ids": [row.id for row in rows]})}
    moved = _moved(work, [more.moved_to_id for more in seldom.values() if more.moved_to_id is not None])
    found = []
    for row in rows:
        more = seldom.get(row.id)
        heard = row.author_id is None or row.author_id in people
        shown = row.state == visibility.VISIBLE and heard
        state = row.state if row.state != visibility.VISIBLE or heard else "removed"
        # Who wrote what a moderator removed stays known; what an author deleted says nothing of them any more.
        author = people.get(row.author_id) if shown or state == "removed" else None
        number, answered_id, answered_state = parents.get(row.parent_id, (None, None, ""))
        answered = people.get(answered_id) if answered_state in ("visible", "removed") else None
        if answered is not None and answered.id in blocked:
            answered = None  # only the number of the item tells that there is one
        found.append(
            Item(
                row.id,
                row.uid,
                row.uri,
                row.number,
                row.depth,
                state,
                more.reason if more else None,
                author,
                row.html if shown else "",
                more.language if more else None,
                more.summary if more and shown else None,
                more.sensitive if more else False,
                tuple(more.attachments) if more and shown else (),
                tuple(more.tags) if more and shown else (),
                more.question if more and shown else None,
                row.published_at,
                row.edited_at if shown else None,
                number,
                answered.name if answered is not None else None,
                row.likes_count if shown else 0,
                row.boosts_count if shown else 0,
                tuple(counted.get(row.id, ())) if shown else (),
                more.page_url if more and shown else None,
                moved.get(more.moved_to_id) if more else None,
                tuple((kind, tuple(who)) for kind, who in named.get(row.id, {}).items()) if shown else (),
                frozenset(mine.get(row.id, ())),
                row.id in kept,
                blocked=author is not None and author.id in blocked,
            )
        )
    return found


def _people(work: Work, ids: Iterable[int], viewer: int | None) -> tuple[dict[int, Person], set[int]]:
    """Those of the actors who are heard, neither suspended nor on a blocked host; and whom the viewer blocked."""
    if viewer is None:
        rows = work.rows(SELECT_PEOPLE, {"ids": list(ids)})
        blocked: set[int] = set()
    else:
        rows = work.rows(SELECT_PEOPLE_OF_READER, {"ids": list(ids), "viewer": viewer})
        blocked = {row.id for row in rows if row.block is not None}
    hosts = {row.host for row in rows if not row.local}
    barred: set[str] = set()
    if hosts:
        barred = {host for (host,) in work.rows(OF_BLOCKED, {"ids": list(hosts)})}
    people = {
        row.id: Person(
            row.id,
            row.display_name or row.name,
            row.name if row.local else f"{row.name}@{row.host}",
            row.local,
            row.host,
            row.kind,
            row.uri,
            row.url or row.uri,
            row.icon_url,
            state=row.state,
        )
        for row in rows
        if row.local or row.host not in barred
    }
    return people, blocked


def _reactions(
    work: Work, ids: list[int], viewer: int | None
) -> tuple[dict[int, list[tuple[str, int]]], list[tuple[int, str, int]], dict[int, set[str]]]:
    """How many reacted how, in the order in which the kinds came; who, where they are few; and how the viewer did."""
    if not ids:
        return {}, [], {}
    reacted = [(row[0], row[1], row[2]) for row in work.rows(OF_REACTIONS, {"ids": ids})]
    if len(reacted) > LISTED:
        return _many_reactions(work, ids, viewer)
    counts: dict[int, dict[str, int]] = {}
    mine: dict[int, set[str]] = {}
    for comment_id, kind, actor_id in reacted:
        of_item = counts.setdefault(comment_id, {})
        of_item[kind] = of_item.get(kind, 0) + 1
        if actor_id == viewer:
            mine.setdefault(comment_id, set()).add(kind)
    few = {comment_id for comment_id, of_item in counts.items() if sum(of_item.values()) <= NAMED}
    counted = {
        comment_id: [(kind, count) for kind, count in of_item.items() if kind != "boost"]
        for comment_id, of_item in counts.items()
    }
    return counted, [row for row in reacted if row[0] in few], mine


def _many_reactions(
    work: Work, ids: list[int], viewer: int | None
) -> tuple[dict[int, list[tuple[str, int]]], list[tuple[int, str, int]], dict[int, set[str]]]:
    """The same where there are so many that nobody is named."""
    query = (
        select(Reaction.comment_id, Reaction.kind, func.count())
        .where(Reaction.comment_id.in_(ids), Reaction.kind != "boost")
        .group_by(Reaction.comment_id, Reaction.kind)
        .order_by(Reaction.comment_id, func.min(Reaction.id))
    )
    counted: dict[int, list[tuple[str, int]]] = {}
    for comment_id, kind, count in work.execute(query):
        counted.setdefault(comment_id, []).append((kind, count))
    mine: dict[int, set[str]] = {}
    if viewer is not None:
        own = select(Reaction.comment_id, Reaction.kind)
        for comment_id, kind in work.execute(own.where(Reaction.comment_id.in_(ids), Reaction.actor_id == viewer)):
            mine.setdefault(comment_id, set()).add(kind)
    return counted, [], mine


def _kept(work: Work, ids: list[int], viewer: int | None) -> set[int]:
    if viewer is None or not ids:
        return set()
    return {kept for (kept,) in work.rows(OF_BOOKMARKS, {"viewer": viewer, "ids": ids})}


def _moved(work: Work, ids: list[int]) -> dict[int, str]:
    if not ids:
        return {}
    return {
        comment_id: uid for comment_id, uid in work.execute(select(Comment.id, Comment.uid).where(Comment.id.in_(ids)))
    }
