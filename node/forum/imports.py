"""Taking in what was said elsewhere before: groups, people, threads and comments, each once, announced to nobody.

A record is known by its source, table and old id: taken again, it changes nothing.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

import orjson

from node.forum import groups, members, people, reactions, text, threads
from node.forum.errors import Invalid
from node.forum.people import NAME, RESERVED
from node.forum.threads import Imported
from storage import groups as stored_groups
from storage import imports
from storage import people as stored_people
from storage import reactions as stored_reactions
from storage import threads as stored_threads
from storage.imports import Raw as Raw
from storage.schema import Actor, Comment, Group, Reaction
from storage.work import Work

TAKEN, KNOWN = "taken", "known"
# Whoever imports twice from two places has the same people in both: their addresses tell, and only as a digest.
BY_MAIL = "e-mail"
PLACEHOLDER = "…"  # the words of what had none, or none that can be shown
ROLES = {"admin", "moderator", "member", "guest"}
# How an editor elsewhere marks a person in HTML: the name is in the attribute, the text is how it was shown.
MENTION = re.compile(r"<span\b[^>]*?\bdata-mention-id=\"([\w.-]{1,64})\"[^>]*>(.{0,200}?)</span>", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every record has: where it came from and what is kept of it."""

    table: str
    key: str  # its old id
    marks: tuple[str, ...] = ()  # what else tells whose it is; none in common with a known one: another's id
    rest: str = "{}"  # JSON of what we have no place for yet

    @property
    def raw(self) -> str | None:
        if not self.marks and self.rest == "{}":
            return None
        return orjson.dumps({"marks": self.marks, "rest": orjson.loads(self.rest)}).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupIn(Record):
    handle: str
    title: str
    body: str
    html: bool
    privacy: str
    who_may_start: str
    language: str | None
    archived_at: datetime | None
    created_at: datetime | None
    addresses: tuple[str, ...]  # under which it was found: key and handle


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonIn(Record):
    username: str
    name: str
    mail: str
    body: str
    html: bool
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipIn(Record):
    group: str
    person: str
    role: str
    title: str | None
    joined_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadIn(Record):
    group: str
    author: str
    title: str
    body: str
    html: bool
    private: bool
    tags: tuple[str, ...]
    pinned_at: datetime | None
    locked_at: datetime | None
    seen: int
    said_at: datetime | None
    edited_at: datetime | None
    last_number: int  # the highest number any item of it had, shown here or not
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentIn(Record):
    thread: str
    parent: str | None  # None: the opening
    author: str
    body: str
    html: bool
    said_at: datetime | None
    edited_at: datetime | None
    number: int | None
    gone: bool  # deleted elsewhere: it keeps its place, without words


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionIn(Record):
    on: tuple[str, str]  # table and old id of what it is on
    person: str
    kind: str
    said_at: datetime | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where it comes from: the name its old ids go by, and the kind of software, for addresses and names."""

    name: str  # loomio, or loomio/other where there are two
    software: str = "loomio"

    def kind(self, letter: str) -> str:
        return f"{self.software}:{letter}"


# ------------------------------------------------------------------ groups and people


def take_group(work: Work, source: Source, it: GroupIn) -> str:
    """A group under its old handle, or the nearest that is free; never less private than it was."""
    if imports.record(work, source.name, it.table, it.key) is not None:
        return KNOWN
    group, actor = groups.create_group(
        work,
        _free_handle(work, it.handle or it.title, "group"),
        title=_title(it.title)[: groups.TITLE],
        privacy=it.privacy,
    )
    group.who_may_start, group.archived_at = it.who_may_start, it.archived_at
    group.language = text.clean_language(it.language) or group.language
    _describe(work, source, actor, it.body, html=it.html)
    actor.created_at = _past(work, it.created_at)
    imports.remember(work, source.name, it.table, it.key, local_id=actor.id, raw=it.raw)
    for address in it.addresses:
        imports.lead(work, source.kind("g"), address, actor_id=actor.id)
    return TAKEN


def take_person(work: Work, source: Source, it: PersonIn) -> str:
    """A person without a way to sign in, the same one as before where the e-mail address is the same."""
    if imports.record(work, source.name, it.table, it.key) is not None:
        return KNOWN
    digest = sha256(it.mail.strip().lower().encode()).hexdigest() if it.mail.strip() else ""
    known_id = imports.local_id(work, BY_MAIL, it.table, digest) if digest else None
    if known_id is not None:
        actor = stored_people.by_id(work, known_id)
    else:
        actor = _make_person(work, it.username or it.name, it.name or it.username, it.created_at)
        _describe(work, source, actor, it.body, html=it.html)
        if digest:
            imports.remember(work, BY_MAIL, it.table, digest, local_id=actor.id)
    imports.remember(work, source.name, it.table, it.key, local_id=actor.id, raw=it.raw)
    imports.lead(work, source.kind("u"), it.username.lower(), actor_id=actor.id)
    return TAKEN


def take_membership(work: Work, source: Source, it: MembershipIn) -> str:
    """Makes a person a member; whoever is one already keeps their part."""
    if imports.record(work, source.name, it.table, it.key) is not None:
        return KNOWN
    group = _group(work, source, it.group)
    actor = _person(work, source, it.person)
    if stored_groups.membership(work, group.actor_id, actor.id) is None and actor.state == "active":
        membership = members.join(work, actor, group, role=it.role if it.role in ROLES else "member")
        membership.title = text.clean_name(it.title, 100) or None if it.title else None
        membership.joined_at = _past(work, it.joined_at)
    imports.remember(work, source.name, it.table, it.key, local_id=None, raw=it.raw)
    return TAKEN


def _make_person(work: Work, handle: str, name: str, since: datetime | None) -> Actor:
    actor = people.create_person(work, _free_handle(work, handle, "member"), display_name=name or "Former member")
    actor.discoverable = actor.indexable = False  # they were not asked whether they want to be found
    actor.created_at = _past(work, since)
    return actor


def _free_handle(work: Work, wanted: str, fallback: str) -> str:
    """The handle as wanted, or as near as can be: nobody's who is here or was."""
    base = wanted.strip().lower()
    if not NAME.fullmatch(base):
        spelled = text.slug(wanted.replace("_", " "), 30)
        base = fallback if spelled == "thread" and "thread" not in wanted.lower() else spelled.replace("-", "_")
    candidate, number = base, 1
    while candidate in RESERVED or stored_people.name_taken(work, candidate):
        number += 1
        candidate = f"{base[: 29 - len(str(number))]}_{number}"
    return candidate


def _describe(work: Work, source: Source, actor: Actor, body: str, *, html: bool) -> None:
    words = _words(work, source, body, html=html) if body.strip() else None
    actor.summary = words.html if words is not None else ""
    actor.summary_source = body if words is not None and not html else None


# ------------------------------------------------------------------ threads and comments


def take_thread(work: Work, source: Source, it: ThreadIn) -> str:
    """A thread with its opening, under its old address; private ones stay private."""
    if imports.record(work, source.name, it.table, it.key) is not None:
        return KNOWN
    group = _group(work, source, it.group)
    author = _person(work, source, it.author)
    words = _words(work, source, it.body, html=it.html)
    said_at = _past(work, it.said_at)
    opening = threads.start_thread(
        work, author, group, _title(it.title), words, private=it.private, imported=Imported(said_at, it.edited_at)
    )
    _settle(work, source, opening, words)
    thread = stored_threads.by_id(work, opening.thread_id)
    thread.tags = list(dict.fromkeys([*it.tags, *thread.tags]))
    thread.pinned_at, thread.locked_at, thread.seen_count = it.pinned_at, it.locked_at, it.seen
    if author.state == "deleted":
        thread.title, thread.slug, thread.tags = "[deleted]", "deleted", []
        _empty(work, opening)
    imports.remember(work, source.name, it.table, it.key, local_id=thread.id, raw=it.raw)
    for address in it.addresses:
        imports.lead(work, source.kind("d"), address, thread_id=thread.id)
    return TAKEN


def take_comment(work: Work, source: Source, it: CommentIn) -> str:
    """A comment below what it answered, with its old number where that is free."""
    if imports.record(work, source.name, it.table, it.key) is not None:
        return KNOWN
    thread_id = imports.local_id(work, source.name, "discussions", it.thread)
    if thread_id is None:
        raise Invalid("The thread %(thread)s of comment %(key)s is not here.", thread=it.thread, key=it.key)
    parent_id = imports.local_id(work, source.name, it.table, it.parent) if it.parent else None
    parent = stored_threads.comment(work, parent_id) if parent_id else stored_threads.opening(work, thread_id)
    author = _person(work, source, it.author)
    gone = it.gone or author.state == "deleted"
    words = _words(work, source, PLACEHOLDER if gone else it.body, html=it.html and not gone)
    comment = threads.post_comment(
        work,
        author,
        parent,
        words,
        imported=Imported(_past(work, it.said_at), it.edited_at, it.number),
    )
    _settle(work, source, comment, words)
    if gone:
        _empty(work, comment)
    imports.remember(work, source.name, it.table, it.key, local_id=comment.id, raw=it.raw)
    imports.lead(work, source.kind("c"), it.key, comment_id=comment.id)
    return TAKEN


def close_numbers(work: Work, source: Source, it: ThreadIn) -> str:
    """What is said next in a thread gets a number that nothing in it ever had."""
    thread_id = imports.local_id(work, source.name, it.table, it.key)
    if thread_id is not None:
        thread = stored_threads.lock(work, thread_id)
        thread.next_number = max(thread.next_number, it.last_number + 1)
    return KNOWN


def take_reaction(work: Work, source: Source, it: ReactionIn) -> str:
    """A reaction, of each person once per kind; nobody hears of it."""
    if imports.record(work, source.name, it.table, it.key) is not None:
        return KNOWN
    local_id = imports.local_id(work, source.name, *it.on)
    if local_id is None:
        raise Invalid("What reaction %(key)s is on is not here.", key=it.key)
    comment = (
        stored_threads.opening(work, local_id) if it.on[0] == "discussions" else stored_threads.comment(work, local_id)
    )
    actor = _person(work, source, it.person)
    had = imports.reactions_of(work, comment.id, actor.id)
    if comment.state == "visible" and actor.state == "active" and not had & {it.kind, reactions.OPPOSITE.get(it.kind)}:
        work.add(
            Reaction(
                comment_id=comment.id, actor_id=actor.id, kind=it.kind, uri=None, created_at=_past(work, it.said_at)
            )
        )
        work.flush()
        stored_reactions.recount(work, comment.id)
    imports.remember(work, source.name, it.table, it.key, local_id=None, raw=it.raw)
    return TAKEN


# ------------------------------------------------------------------ below the verbs


def _group(work: Work, source: Source, key: str) -> Group:
    local_id = imports.local_id(work, source.name, "groups", key)
    group = stored_groups.by_id(work, local_id) if local_id is not None else None
    if group is None:
        raise Invalid("The group %(key)s is not here.", key=key)
    return group


def _person(work: Work, source: Source, key: str) -> Actor:
    """The person of that old id; whom the file does not know has a place here all the same."""
    local_id = imports.local_id(work, source.name, "users", key)
    if local_id is not None:
        return stored_people.by_id(work, local_id)
    actor = _make_person(work, "former_member", "Former member", None)
    imports.remember(work, source.name, "users", key, local_id=actor.id)
    return actor


def _words(work: Work, source: Source, body: str, *, html: bool) -> text.Words:
    """The words with the people linked who were called so there; a text that cannot be taken leaves a mark."""

    def link(handle: str) -> str | None:
        actor = imports.actor_called(work, source.kind("u"), handle.lower())
        return (actor.url or actor.uri) if actor is not None else None

    try:
        if html:
            words = _from_html(body, link)
        else:
            words = text.from_markdown(
                body, link_mention=link, link_hashtag=lambda tag: f"{work.origin}/tags/{tag.lower()}"
            )
    except text.TextRefused as refusal:
        words = text.from_markdown(f"[{refusal}]")
    if not words.html.strip():
        return replace(text.from_markdown(PLACEHOLDER), source=body)
    return words


def _from_html(body: str, link: text.LinkMention) -> text.Words:
    named: dict[str, str] = {}

    def as_link(found: re.Match[str]) -> str:
        href = link(found[1])
        if href is None:
            return found[2]
        named[href] = found[1]
        return f'<a href="{href}">@{found[1]}</a>'

    return text.from_html(MENTION.sub(as_link, body), mentions=named)


def _settle(work: Work, source: Source, comment: Comment, words: text.Words) -> None:
    """An item said long ago: the people it names are those of its source, and nobody was active now."""
    called = (imports.actor_called(work, source.kind("u"), handle.lower()) for handle in words.mentions)
    comment.mentions = [[actor.uri, actor.handle] for actor in called if actor is not None]
    comment.arrived_at = comment.published_at


def _past(work: Work, at: datetime | None) -> datetime:
    return min(at, work.now) if at is not None else work.now


def _title(title: str) -> str:
    return text.clean_name(title, threads.TITLE) or "Untitled"


def _empty(work: Work, comment: Comment) -> None:
    """What its author took back, there or since, keeps its place without its words."""
    comment.state = "deleted"
    comment.source = comment.html = comment.wire = ""
    comment.mentions, comment.tags, comment.attachments = [], [], []
    work.flush()
