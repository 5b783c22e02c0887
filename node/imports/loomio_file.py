"""Loomio's group export: JSON Lines of `{"table": …, "record": …}`, in any order, of every generation since 2015.

Read whole before anything is written. What is understood becomes the values of `node.forum.imports`; all else is kept
as it came, but for secrets, which are dropped on sight.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

from node.forum.imports import CommentIn, GroupIn, MembershipIn, PersonIn, Raw, ReactionIn, ThreadIn

Row = dict[str, Any]

TABLE = re.compile(r"[a-z][a-z0-9_]{0,79}")
KEY = 120  # characters that are kept of an id
NOBODY = "nobody"  # whose author the export does not name

# Exports of old releases carry them; so might any (LN). Addresses that people signed in from go with them.
SECRET = re.compile(
    r"token|password|passwd|secret|api_?key|_digest$|(^|_)otp|cookie|credential|private_key|session|(^|_)ip$",
    re.IGNORECASE,
)
# Tables that hold nothing else than secrets, or addresses that are as good as one.
SECRET_TABLES = re.compile(r"login_tokens|sessions|oauth_.*|omniauth_identities|identities|webhooks|chatbots")

# Counted anew, or without a meaning outside of Loomio.
NOT_NEEDED = re.compile(
    r".*_count|.*_counts|updated_at|last_activity_at|ranges_string|avatar_initials|avatar_kind|position|position_key"
    r"|depth|full_name|link_previews"
)
TAKEN = {
    "groups": "id key handle name parent_id description description_format is_visible_to_public created_at archived_at "
    "discussion_privacy_options membership_granted_upon members_can_start_discussions content_locale",
    "users": "id key name username email short_bio short_bio_format created_at",
    "memberships": "id group_id user_id admin delegate title accepted_at revoked_at archived_at created_at",
    "discussions": "id key group_id title description description_format author_id private tags pinned pinned_at "
    "locked_at closed_at seen_by_count created_at edited_at discarded_at topic_id",
    "comments": "id discussion_id body body_format user_id parent_type parent_id created_at edited_at discarded_at",
    "topics": "id topicable_type topicable_id group_id private locked_at closed_at pinned_at tags seen_by_count "
    "discarded_at",
    "reactions": "id reactable_type reactable_id user_id reaction created_at",
    "discussion_readers": "id discussion_id user_id last_read_at",
    "topic_readers": "id topic_id user_id last_read_at",
}
ITEMS = ("events", "topic_items")
ITEM_KINDS = ("new_discussion", "new_comment")  # what the order and the numbers are read from
READERS = ("discussion_readers", "topic_readers")

LIKES = {"+1", "thumbsup", "thumbs_up", "like", "👍"}
DISLIKES = {"-1", "thumbsdown", "thumbs_down", "👎"}
EMOJI = {
    "heart": "❤️", "smile": "😄", "smiley": "😃", "grin": "😁", "laughing": "😆", "joy": "😂",
    "slight_smile": "🙂", "slightly_smiling_face": "🙂", "wink": "😉", "blush": "😊", "heart_eyes": "😍",
    "thinking": "🤔", "open_mouth": "😮", "astonished": "😲", "confused": "😕", "cry": "😢", "sob": "😭",
    "disappointed": "😞", "angry": "😠", "clap": "👏", "raised_hands": "🙌", "pray": "🙏", "muscle": "💪",
    "ok_hand": "👌", "wave": "👋", "tada": "🎉", "rocket": "🚀", "fire": "🔥", "eyes": "👀", "star": "⭐",
    "sparkles": "✨", "100": "💯", "bulb": "💡", "question": "❓", "exclamation": "❗",
    "white_check_mark": "✅", "sunflower": "🌻", "seedling": "🌱", "rainbow": "🌈", "sunglasses": "😎",
}  # fmt: skip


class BadExport(Exception):
    """The file cannot be an export; says where and why."""


@dataclass
class Export:
    """An export, understood: in the order in which it is to be taken, parents before children."""

    groups: list[GroupIn] = field(default_factory=list)
    people: list[PersonIn] = field(default_factory=list)
    memberships: list[MembershipIn] = field(default_factory=list)
    threads: list[ThreadIn] = field(default_factory=list)
    comments: list[CommentIn] = field(default_factory=list)
    reactions: list[ReactionIn] = field(default_factory=list)
    raw: list[Raw] = field(default_factory=list)
    lines: int = 0
    secrets: Counter[str] = field(default_factory=Counter)  # table.column that were dropped
    not_used: Counter[str] = field(default_factory=Counter)  # table.column that are kept beside their record
    left: Counter[str] = field(default_factory=Counter)  # why something is not shown


def read(lines: Iterable[bytes]) -> Export:
    """The whole file; raises BadExport with the number of the line that is wrong."""
    export = Export()
    tables: dict[str, dict[str, Row]] = defaultdict(dict)
    for number, line in enumerate(lines, start=1):
        line = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if not line:
            continue
        table, record = _record(number, line)
        export.lines += 1
        if SECRET_TABLES.fullmatch(table):
            export.secrets[table] += 1
            continue
        record = _without_secrets(table, record, export.secrets)
        key = _key(record)
        if key in tables[table]:
            export.left[f"{table}: the same record again"] += 1
        tables[table].setdefault(key, record)
    if not export.lines:
        raise BadExport("the file is empty; an export has one JSON object on each line")
    _Reading(tables, export).understand()
    return export


def _record(number: int, line: bytes) -> tuple[str, Row]:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadExport(f"line {number} is not JSON: {error}") from None
    if not isinstance(said, dict) or not isinstance(said.get("record"), dict) or not isinstance(said.get("table"), str):
        raise BadExport(f'line {number} is not a record: an export has {{"table": …, "record": {{…}}}} on each line')
    if not TABLE.fullmatch(said["table"]):
        raise BadExport(f"line {number} names no table: {said['table'][:40]!r}")
    return said["table"], said["record"]


def _without_secrets(table: str, value: Row, found: Counter[str]) -> Row:
    kept: Row = {}
    for name, part in value.items():
        if SECRET.search(name):
            if part not in (None, ""):
                found[f"{table}.{name[:40]}"] += 1
            continue
        kept[name] = _inside(table, part, found)
    return kept


def _inside(table: str, part: Any, found: Counter[str]) -> Any:
    if isinstance(part, dict):
        return _without_secrets(table, part, found)
    if isinstance(part, list):
        return [_inside(table, one, found) for one in part]
    return part


def _key(record: Row) -> str:
    found = _id(record.get("id"))
    return found or sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()


# ------------------------------------------------------------------ understanding


class _Reading:
    """The tables of one export, while they are being understood."""

    def __init__(self, tables: dict[str, dict[str, Row]], export: Export) -> None:
        self.tables = tables
        self.export = export
        self.topics: dict[str, tuple[str, Row]] = {}  # discussion -> its topic
        self.discussion_of_topic: dict[str, str] = {}
        self.numbers: dict[str, int] = {}  # comment -> number
        self.times: dict[str, datetime] = {}
        self.places: dict[str, str] = {}  # comment -> discussion, as the items say
        self.last_numbers: Counter[str] = Counter()
        self.seen: dict[str, set[str]] = defaultdict(set)  # discussion -> readers
        self.files: dict[str, list[str]] = defaultdict(list)  # comment -> names of its files
        self.threads: set[str] = set()
        self.gone_threads: set[str] = set()

    def understand(self) -> None:
        self._read_topics()
        self._read_items()
        self._read_readers()
        self._read_groups()
        self._read_people()
        self._read_memberships()
        self._read_threads()
        self._read_comments()
        self._read_reactions()
        for table in sorted(self.tables.keys() - TAKEN.keys() - set(ITEMS)):
            for key, row in self.tables[table].items():
                self._keep(table, key, row)

    def _keep(self, table: str, key: str, row: Row, why: str | None = None) -> None:
        """Keeps a record as it came, for a release that understands it."""
        self.export.raw.append(Raw(table, key[:KEY], orjson.dumps(row).decode()))
        if why is not None:
            self.export.left[f"{table}: {why}"] += 1

    def _rest(self, table: str, row: Row) -> str:
        """JSON of the columns that have no place here yet."""
        taken = TAKEN[table].split()
        rest = {
            name: value
            for name, value in row.items()
            if name not in taken and not NOT_NEEDED.fullmatch(name) and value not in (None, "", [], {}, False, 0)
        }
        self.export.not_used.update(f"{table}.{name[:40]}" for name in rest)
        return orjson.dumps(rest).decode()

    # -------------------------------------------------------------- threads' surroundings

    def _read_topics(self) -> None:
        """Since 2026 a topic stands before each discussion and each poll."""
        for key, row in self.tables["topics"].items():
            discussion = _id(row.get("topicable_id"))
            if row.get("topicable_type") == "Discussion" and discussion:
                self.topics[discussion] = (key, row)
                self.discussion_of_topic[key] = discussion
                if self._rest("topics", row) != "{}":
                    self._keep("topics", key, row)
            else:
                self._keep("topics", key, row, "of a poll, or of something unknown")
        for key, row in self.tables["discussions"].items():
            topic = _id(row.get("topic_id"))
            if topic and key not in self.topics:
                self.discussion_of_topic.setdefault(topic, key)

    def _read_items(self) -> None:
        for table in ITEMS:
            for key, row in self.tables[table].items():
                kind = _text(row, "kind")
                about = _text(row, "itemable_type") or _text(row, "eventable_type")
                about_id = _id(row.get("itemable_id")) or _id(row.get("eventable_id"))
                discussion = _id(row.get("discussion_id")) or self.discussion_of_topic.get(
                    _id(row.get("topic_id")) or ""
                )
                if kind == "new_discussion" and about == "Discussion":
                    discussion = discussion or about_id
                number = _number(row.get("sequence_id"))
                if discussion and number:
                    self.last_numbers[discussion] = max(self.last_numbers[discussion], number)
                if kind not in ITEM_KINDS:
                    self._keep(table, key, row, f"{kind or 'of no kind'}")
                elif kind == "new_comment" and about == "Comment" and about_id:
                    if number:
                        self.numbers.setdefault(about_id, number)
                    if discussion:
                        self.places.setdefault(about_id, discussion)
                    if said_at := _when(row.get("created_at")):
                        self.times.setdefault(about_id, said_at)

        for row in self.tables["attachments"].values():
            about_id, name = _id(row.get("record_id")), _text(row, "filename")
            if row.get("record_type") == "Comment" and about_id and name:
                self.files[about_id].append(name)

    def _read_readers(self) -> None:
        for table in READERS:
            for key, row in self.tables[table].items():
                topic = _id(row.get("topic_id")) or ""
                discussion = _id(row.get("discussion_id")) or self.discussion_of_topic.get(topic)
                if discussion and row.get("last_read_at"):
                    self.seen[discussion].add(_id(row.get("user_id")) or key)
                if self._rest(table, row) != "{}":
                    self._keep(table, key, row)

    # -------------------------------------------------------------- who

    def _read_groups(self) -> None:
        for key, row in self._parents_first(self.tables["groups"]):
            self.export.groups.append(
                GroupIn(
                    table="groups",
                    key=key,
                    marks=_marks(row.get("key")),
                    rest=self._rest("groups", row),
                    handle=_text(row, "handle"),
                    title=_text(row, "name"),
                    body=_text(row, "description"),
                    html=row.get("description_format") == "html",
                    privacy=_privacy(row),
                    who_may_start="moderators" if row.get("members_can_start_discussions") is False else "members",
                    language=_text(row, "content_locale") or None,
                    archived_at=_when(row.get("archived_at")),
                    created_at=_when(row.get("created_at")),
                    addresses=tuple(filter(None, (_text(row, "key"), _text(row, "handle").lower()))),
                )
            )

    def _parents_first(self, rows: dict[str, Row]) -> list[tuple[str, Row]]:
        return sorted(rows.items(), key=lambda pair: (bool(_id(pair[1].get("parent_id"))), _order(pair[0])))

    def _read_people(self) -> None:
        for key, row in sorted(self.tables["users"].items(), key=lambda pair: _order(pair[0])):
            mail, username = _text(row, "email"), _text(row, "username")
            self.export.people.append(
                PersonIn(
                    table="users",
                    key=key,
                    marks=_marks(username.lower(), sha256(mail.strip().lower().encode()).hexdigest() if mail else None),
                    rest=self._rest("users", row),
                    username=username,
                    name=_text(row, "name"),
                    mail=mail,
                    body=_text(row, "short_bio"),
                    html=row.get("short_bio_format") == "html",
                    created_at=_when(row.get("created_at")),
                )
            )

    def _read_memberships(self) -> None:
        for key, row in self.tables["memberships"].items():
            group, person = _id(row.get("group_id")), _id(row.get("user_id"))
            if not group or not person or group not in self.tables["groups"]:
                self._keep("memberships", key, row, "of a group or person that is not in the file")
            elif row.get("revoked_at") or row.get("archived_at"):
                self._keep("memberships", key, row, "ended")
            elif "accepted_at" in row and not row["accepted_at"]:
                self._keep("memberships", key, row, "invited, not accepted")
            else:
                self.export.memberships.append(
                    MembershipIn(
                        table="memberships",
                        key=key,
                        rest=self._rest("memberships", row),
                        group=group,
                        person=person,
                        role="admin" if row.get("admin") is True else "member",
                        title=_text(row, "title") or ("delegate" if row.get("delegate") is True else None),
                        joined_at=_when(row.get("accepted_at")) or _when(row.get("created_at")),
                    )
                )

    # -------------------------------------------------------------- what was said

    def _read_threads(self) -> None:
        for key, row in self.tables["discussions"].items():
            _, topic = self.topics.get(key, ("", {}))
            group = _id(topic.get("group_id")) or _id(row.get("group_id"))
            if row.get("discarded_at") or topic.get("discarded_at"):
                self.gone_threads.add(key)
                self.export.left["discussions: deleted there, left out"] += 1
            elif not group or group not in self.tables["groups"]:
                self._keep("discussions", key, row, "in no group of the file")
            else:
                self.threads.add(key)
                self.export.threads.append(self._thread(key, row, topic, group))
        self.export.threads.sort(key=lambda it: (it.said_at or _EARLY, _order(it.key)))

    def _thread(self, key: str, row: Row, topic: Row, group: str) -> ThreadIn:
        options = self.tables["groups"][group].get("discussion_privacy_options")
        private = topic.get("private", row.get("private"))
        # Never shown to more people than there: where it is not said to be public, it is not.
        is_private = options == "private_only" or (
            private is not False and not (private is None and options == "public_only")
        )
        created_at = _when(row.get("created_at"))
        pinned = _when(topic.get("pinned_at")) or _when(row.get("pinned_at"))
        if pinned is None and row.get("pinned") is True:
            pinned = created_at
        locked = (topic.get("locked_at"), topic.get("closed_at"), row.get("locked_at"), row.get("closed_at"))
        tags = topic.get("tags") or row.get("tags")
        readers = (_number(topic.get("seen_by_count")), _number(row.get("seen_by_count")), len(self.seen[key]))
        return ThreadIn(
            table="discussions",
            key=key,
            marks=_marks(row.get("key")),
            rest=self._rest("discussions", row),
            group=group,
            author=_id(row.get("author_id")) or NOBODY,
            title=_text(row, "title"),
            body=_text(row, "description"),
            html=row.get("description_format") == "html",
            private=is_private,
            tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
            pinned_at=pinned,
            locked_at=next((at for value in locked if (at := _when(value))), None),
            seen=max(count or 0 for count in readers),
            said_at=created_at,
            edited_at=_when(row.get("edited_at")),
            last_number=self.last_numbers[key],
            addresses=tuple(filter(None, (_text(row, "key"),))),
        )

    def _read_comments(self) -> None:
        rows = self.tables["comments"]
        found: dict[str, CommentIn] = {}
        for key, row in rows.items():
            thread = self._thread_of(key, row)
            if thread in self.gone_threads:
                self.export.left["comments: in a discussion that was deleted there, left out"] += 1
            elif thread is None or thread not in self.threads:
                self._keep("comments", key, row, "in no thread of the file")
            else:
                found[key] = self._comment(key, row, thread)
        self.export.comments = _parents_before(found)

    def _comment(self, key: str, row: Row, thread: str) -> CommentIn:
        parent = _answered(row)
        if parent is not None and (parent not in self.tables["comments"] or parent == key):
            self.export.left["comments: what they answer is not in the file; they answer the opening"] += 1
            parent = None
        if _text(row, "parent_type") not in ("", "Comment", "Discussion"):
            self.export.left[
                f"comments: they answer a {_text(row, 'parent_type').lower()}; shown below the opening"
            ] += 1
        gone = bool(row.get("discarded_at"))
        if gone:
            self.export.left["comments: deleted there; they keep their place without their words"] += 1
        body = _text(row, "body")
        return CommentIn(
            table="comments",
            key=key,
            rest=self._rest("comments", {} if gone else row),
            thread=thread,
            parent=parent,
            author=_id(row.get("user_id")) or _id(row.get("author_id")) or NOBODY,
            body=body if body.strip() else f"[{', '.join(self.files[key]) or 'no words'}]",
            html=row.get("body_format") == "html" and bool(body.strip()),
            said_at=_when(row.get("created_at")) or self.times.get(key),
            edited_at=_when(row.get("edited_at")),
            number=self.numbers.get(key),
            gone=gone,
        )

    def _thread_of(self, key: str, row: Row) -> str | None:
        """The discussion of a comment: as it says, or its item, or what it answers, however far up."""
        comments, seen = self.tables["comments"], {key}
        while True:
            thread = _id(row.get("discussion_id")) or self.places.get(key)
            kind, parent = _text(row, "parent_type"), _id(row.get("parent_id"))
            if thread is not None or parent is None:
                return thread
            if kind == "Discussion":
                return parent
            if kind not in ("", "Comment"):
                return self._thread_of_poll(kind, parent)
            if parent in seen or parent not in comments:
                return None
            seen.add(parent)
            key, row = parent, comments[parent]

    def _thread_of_poll(self, kind: str, key: str) -> str | None:
        row = self.tables[{"Stance": "stances", "Outcome": "outcomes", "Poll": "polls"}.get(kind, kind)].get(key, {})
        poll = row if kind == "Poll" else self.tables["polls"].get(_id(row.get("poll_id")) or "", {})
        return _id(poll.get("discussion_id")) or self.discussion_of_topic.get(_id(poll.get("topic_id")) or "")

    def _read_reactions(self) -> None:
        comments = {it.key for it in self.export.comments}
        for key, row in self.tables["reactions"].items():
            on = {"Comment": "comments", "Discussion": "discussions"}.get(_text(row, "reactable_type"))
            target, person = _id(row.get("reactable_id")), _id(row.get("user_id"))
            here = target in comments if on == "comments" else on == "discussions" and target in self.threads
            if on is None or target is None or person is None or not here:
                self._keep("reactions", key, row, "on something that is not shown")
                continue
            self.export.reactions.append(
                ReactionIn(
                    table="reactions",
                    key=key,
                    rest=self._rest("reactions", row),
                    on=(on, target),
                    person=person,
                    kind=_reaction(_text(row, "reaction")),
                    said_at=_when(row.get("created_at")),
                )
            )


def _answered(row: Row) -> str | None:
    """The comment that a comment answers; in the first years only that had a parent."""
    return _id(row.get("parent_id")) if _text(row, "parent_type") in ("", "Comment") else None


def _parents_before(found: dict[str, CommentIn]) -> list[CommentIn]:
    """Thread by thread in the order of their numbers, and nothing before what it answers."""

    def place(it: CommentIn) -> tuple[Any, ...]:
        return (_order(it.thread), it.number is None, it.number or 0, it.said_at or _EARLY, _order(it.key))

    ordered: list[CommentIn] = []
    done: set[str] = set()
    for it in sorted(found.values(), key=place):
        line: list[CommentIn] = []
        above: CommentIn | None = it
        while above is not None and above.key not in done:
            done.add(above.key)  # also ends a circle of parents
            line.append(above)
            above = found.get(above.parent) if above.parent is not None else None
        ordered.extend(reversed(line))
    return ordered


def _privacy(row: Row) -> str:
    """Open, closed or secret: by its three switches, and never more open than they say."""
    if row.get("is_visible_to_public") is not True:
        return "secret"
    return "open" if row.get("membership_granted_upon") == "request" else "closed"


def _reaction(name: str) -> str:
    name = name.strip().strip(":") or "+1"
    if name in LIKES:
        return "like"
    if name in DISLIKES:
        return "dislike"
    if name in EMOJI:
        return EMOJI[name]
    return f":{name[:36]}:" if name.isascii() else name[:40]


# ------------------------------------------------------------------ values

_EARLY = datetime(1, 1, 1, tzinfo=UTC)


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value.replace("\x00", "") if isinstance(value, str) else ""


def _id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return str(value).replace("\x00", "")[:KEY] or None


def _order(key: str) -> tuple[int, str]:
    """Ids in the order of numbers, where they are some."""
    return (len(key), key)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10_000_000 else None


def _when(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _marks(*values: Any) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str) and value)
