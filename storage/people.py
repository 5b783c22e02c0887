"""Actors, their keys and names, and who follows whom."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, exists, func, or_, select, update

from storage import visibility
from storage.schema import Actor, Block, Comment, Follow, Handle, Host, Key, Membership, Reach, Tombstone
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Person:
    """Someone as a page shows them."""

    id: int
    name: str  # as they call themselves
    handle: str  # ana here, ana@coop.example elsewhere
    local: bool
    host: str
    kind: str
    uri: str
    page: str  # where they live
    icon_url: str | None
    summary: str = ""
    state: str = "active"
    moved_to: str | None = None  # their account elsewhere, once that was proved


def as_person(actor: Actor) -> Person:
    """The actor as a value for pages."""
    return Person(
        actor.id,
        actor.display_name or actor.name,
        actor.name if actor.local else actor.handle,
        actor.local,
        actor.host,
        actor.kind,
        actor.uri,
        actor.url or actor.uri,
        actor.icon_url,
        actor.summary,
        actor.state,
        actor.moved_to,
    )


def by_id(work: Work, actor_id: int) -> Actor:
    """The actor of that id, which must exist."""
    return work.get_one(Actor, actor_id)


def by_uri(work: Work, uri: str) -> Actor | None:
    """The actor of that URI, ours or remembered."""
    return work.scalars(select(Actor).where(Actor.uri == uri)).one_or_none()


def by_name(work: Work, name: str) -> Actor | None:
    """The local actor that has, or once had, that handle."""
    return work.scalars(
        select(Actor).join(Handle, Handle.actor_id == Actor.id).where(Handle.name == name.lower())
    ).one_or_none()


def by_handle(work: Work, handle: str, own_host: str) -> Actor | None:
    """The actor of `ana` or `ana@host`, as far as known here; a secret group is nobody, whoever writes its handle."""
    name, _, host = handle.lstrip("@").partition("@")
    if not host or host.lower() == own_host:
        actor = by_name(work, name)
        return actor if actor is not None and visibility.is_shown(work, actor) else None
    return work.scalars(
        select(Actor).where(func.lower(Actor.name) == name.lower(), Actor.host == host.lower(), Actor.local.is_(False))
    ).first()


def named(work: Work, handles: Iterable[str]) -> list[tuple[str, str]]:
    """URI and handle of those of the handles that are known here."""
    own_host = work.origin.split("://", 1)[1]
    found = (by_handle(work, handle, own_host) for handle in handles)
    return [(actor.uri, actor.handle) for actor in found if actor is not None]


def lock(work: Work, actor_id: int) -> Actor:
    """The actor, held until the commit on PostgreSQL; SQLite has one writer anyway."""
    query = select(Actor).where(Actor.id == actor_id)
    if work.dialect == "postgresql":
        query = query.with_for_update()
    return work.scalars(query.execution_options(populate_existing=True)).one()


def path_name(uri: str) -> str:
    """The name of an actor of ours in its addresses: its first handle, whatever it is called now."""
    return uri.rsplit("/", 1)[1]


def name_taken(work: Work, name: str) -> bool:
    """Some actor of this node has, or once had, that handle."""
    return work.get(Handle, name.lower()) is not None


def local_of_kind(work: Work, kind: str) -> list[Actor]:
    """Every standing actor of ours of that kind, by name."""
    return list(
        work.scalars(
            select(Actor)
            .where(Actor.local.is_(True), Actor.kind == kind, Actor.state != "deleted")
            .order_by(Actor.name)
        )
    )


def count_local(work: Work, kind: str) -> int:
    """How many standing actors of ours there are of that kind."""
    return (
        work.scalar(select(func.count()).where(Actor.local.is_(True), Actor.kind == kind, Actor.state == "active")) or 0
    )


def count_active(work: Work, *, days: int) -> int:
    """How many members of ours wrote something in the last days."""
    since = work.now - timedelta(days=days)
    return (
        work.scalar(
            select(func.count(func.distinct(Actor.id)))
            .join(Comment, Comment.author_id == Actor.id)
            .where(Actor.local.is_(True), Actor.kind == "person", Comment.arrived_at > since)
        )
        or 0
    )


def former_names(work: Work, actor_id: int) -> list[str]:
    """The handles that still lead to the actor."""
    return list(work.scalars(select(Handle.name).where(Handle.actor_id == actor_id, Handle.current.is_(False))))


# ------------------------------------------------------------------ keys


def key_by_uri(work: Work, uri: str) -> tuple[Key, Actor] | None:
    """The key of that keyId with its owner."""
    row = work.execute(select(Key, Actor).join(Actor, Actor.id == Key.actor_id).where(Key.uri == uri)).one_or_none()
    return (row[0], row[1]) if row else None


def key_of(work: Work, actor_id: int) -> Key | None:
    """The RSA key of the actor."""
    return work.scalars(
        select(Key).where(Key.actor_id == actor_id, Key.algorithm == "rsa").order_by(Key.id).limit(1)
    ).one_or_none()


def keep_key(work: Work, actor_id: int, uri: str, public_pem: str, private_sealed: bytes | None = None) -> Key:
    """Stores a key, or the new half of one that was rotated under the same keyId."""
    key = work.scalars(select(Key).where(Key.uri == uri)).one_or_none()
    if key is None:
        key = Key(
            actor_id=actor_id,
            uri=uri,
            algorithm="rsa",
            public_pem=public_pem,
            private_sealed=private_sealed,
            refreshed_at=work.now,
        )
        work.add(key)
        work.flush()
    elif key.private_sealed is None and key.actor_id == actor_id:  # nobody takes another's key over (KEY-16)
        key.public_pem, key.refreshed_at = public_pem, work.now
    return key


def forget_keys(work: Work, actor_id: int, *, but: list[str]) -> None:
    """Drops the remembered keys that an actor elsewhere lists no more."""
    work.execute(delete(Key).where(Key.actor_id == actor_id, Key.uri.not_in(but), Key.private_sealed.is_(None)))


# ------------------------------------------------------------------ following


def drop_ties(work: Work, actor_id: int) -> None:
    """Ends every follow, membership and block of someone, both ways."""
    work.execute(delete(Follow).where(or_(Follow.follower_id == actor_id, Follow.target_id == actor_id)))
    work.execute(delete(Membership).where(Membership.actor_id == actor_id))
    work.execute(delete(Block).where(or_(Block.actor_id == actor_id, Block.target_id == actor_id)))


def follow_of(work: Work, follower_id: int, target_id: int) -> Follow | None:
    """How the follower stands to the target."""
    return work.scalars(
        select(Follow).where(Follow.follower_id == follower_id, Follow.target_id == target_id)
    ).one_or_none()


def follow_by_uri(work: Work, uri: str) -> Follow | None:
    """The follow whose activity has that id."""
    return work.scalars(select(Follow).where(Follow.uri == uri)).first()


def followers(work: Work, target_id: int) -> list[Actor]:
    """Everyone whose follow was accepted."""
    return list(
        work.scalars(
            select(Actor)
            .join(Follow, Follow.follower_id == Actor.id)
            .where(Follow.target_id == target_id, Follow.state == "accepted", Actor.state == "active")
            .order_by(Follow.id)
        )
    )


def count_followers(work: Work, target_id: int) -> int:
    """How many follows of the target were accepted."""
    return (
        work.scalar(
            select(func.count()).select_from(Follow).where(Follow.target_id == target_id, Follow.state == "accepted")
        )
        or 0
    )


def count_following(work: Work, follower_id: int) -> int:
    """How many the follower follows."""
    return (
        work.scalar(
            select(func.count())
            .select_from(Follow)
            .where(Follow.follower_id == follower_id, Follow.state == "accepted")
        )
        or 0
    )


def escaped(words: str) -> str:
    """The words as LIKE takes them literally, with a backslash as its escape."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where a delivery goes, and in which wording."""

    inbox: str
    host: str
    dialect: str  # of the host: microblog, forum, discourse


def inboxes_of(
    work: Work, actor_ids: set[int], *, sender_id: int, shared: bool = True, even_blocked: bool = False
) -> set[Inbox]:
    """The inboxes of these actors elsewhere, each once, shared where there is one.

    Blocked hosts have none, and whoever blocks the sender wants nothing from them. Whom the sender blocked gets
    nothing new of theirs either, but may be told what ends: that is what `even_blocked` is for.
    """
    blocks = exists().where(Block.actor_id == Actor.id, Block.target_id == sender_id)
    query = _elsewhere().where(Actor.id.in_(actor_ids), ~blocks)
    if not even_blocked:
        query = query.where(visibility.unblocked(sender_id, Actor.id))
    return _inboxes(work, query, shared=shared)


def follower_inboxes(work: Work, target_id: int) -> set[Inbox]:
    """The inboxes elsewhere of everyone who follows the target."""
    following = _elsewhere().join(Follow, Follow.follower_id == Actor.id)
    return _inboxes(work, following.where(Follow.target_id == target_id, Follow.state == "accepted"))


def _elsewhere() -> Select[str, str | None, str, str]:
    return (
        select(Actor.inbox, Actor.shared_inbox, Actor.host, Host.dialect)
        .outerjoin(Host, Host.host == Actor.host)
        .where(Actor.local.is_(False), Actor.state == "active", visibility.not_suspended())
    )


def _inboxes(work: Work, query: Select[str, str | None, str, str], *, shared: bool = True) -> set[Inbox]:
    return {
        Inbox((shared and shared_inbox) or inbox, host, dialect or "microblog")
        for inbox, shared_inbox, host, dialect in work.execute(query)
    }


def reached_inboxes(work: Work, actor_id: int) -> set[Inbox]:
    """Every inbox that may hold something of the actor, whoever still follows."""
    rows = work.execute(
        select(Reach.inbox, Reach.host, Host.dialect)
        .outerjoin(Host, Host.host == Reach.host)
        .where(Reach.actor_id == actor_id, visibility.not_suspended())
    )
    return {Inbox(inbox, host, dialect or "microblog") for inbox, host, dialect in rows}


def is_followed_here(work: Work, actor_id: int) -> bool:
    """Somebody of this node follows the actor."""
    return (
        work.scalar(select(Follow.id).where(Follow.target_id == actor_id, Follow.state == "accepted").limit(1))
        is not None
    )


# ------------------------------------------------------------------ what is gone


def is_gone(work: Work, uri: str, actor_uri: str | None = None) -> bool:
    """The object or activity was deleted or undone by its actor, perhaps before it came."""
    query = select(Tombstone.uri).where(Tombstone.uri == uri)
    if actor_uri is not None:
        query = query.where(Tombstone.actor_uri == actor_uri)
    return work.scalar(query.limit(1)) is not None


def bury(work: Work, uri: str, actor_uri: str, kind: str, at: datetime | None = None) -> None:
    """Remembers for ever that the actor deleted or undid this."""
    if work.get(Tombstone, (uri, actor_uri)) is None:
        work.add(Tombstone(uri=uri, actor_uri=actor_uri, kind=kind, gone_at=at or work.now))
        work.flush()


def touch(work: Work, actor_id: int) -> None:
    """Marks the actor's documents as changed."""
    work.execute(update(Actor).where(Actor.id == actor_id).values(version=Actor.version + 1, updated_at=work.now))


def moderators(work: Work, group_id: int) -> list[Actor]:
    """The moderators and admins of the group."""
    return list(
        work.scalars(
            select(Actor)
            .join(Membership, Membership.actor_id == Actor.id)
            .where(
                Membership.group_id == group_id, Membership.role.in_(("admin", "moderator")), Actor.state == "active"
            )
            .order_by(Membership.id)
        )
    )


def search(work: Work, words: str, limit: int = 20) -> list[Actor]:
    """Local people and groups whose name or handle has the words."""
    like = f"%{escaped(words)}%"
    return list(
        work.scalars(
            select(Actor)
            .where(
                Actor.local.is_(True),
                Actor.state == "active",
                or_(Actor.name.ilike(like, escape="\\"), Actor.display_name.ilike(like, escape="\\")),
            )
            .order_by(Actor.name)
            .limit(limit)
        )
    )
