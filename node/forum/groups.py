"""Groups: made, described, renamed, archived; how their settings stand to each other."""

import re
from datetime import timedelta

from node.forum import members, rules, text, upkeep
from node.forum import people as forum_people
from node.forum.errors import Invalid, NotAllowed
from node.forum.events import ActorChanged
from storage import groups, moderation, people
from storage.schema import Actor, Group, Handle
from storage.work import Work

PRIVACY = ("open", "closed", "secret")
COMMENTS = ("quiet", "boosted", "none")
WHO_MAY_START = ("members", "moderators")
THREADS = ("either", "public", "private")
WHO_MAY_CREATE = ("members", "admins")
TITLE = 100  # characters
DESCRIPTION = 20_000
PROMPT = 500
SLOWEST = 24 * 3600  # seconds between two comments; who wants more wants an archive
CREATED_A_DAY = 10  # groups that one member makes; more is a robot
RENAMED_AGAIN = timedelta(days=30)  # handles are never given again: a group must not use them up
LONGEST_HANDLE = 30
SEPARATORS = re.compile(r"[^a-z0-9]+")


def found_group(
    work: Work,
    founder: Actor,
    name: str,
    *,
    who_may_create: str = "members",
    parent: Group | None = None,
    title: str = "",
    description: str = "",
    language: str = "en",
    privacy: str = "open",
    hue: int | None = None,
) -> tuple[Group, Actor]:
    """A group made by a member, where the node lets them, or a part of a group by an admin of it."""
    rules.may_create_group(work, founder, who_may_create, parent)
    since = work.now - timedelta(days=1)
    if groups.founded_since(work, founder.id, since) >= CREATED_A_DAY:
        raise NotAllowed("You made %(many)s groups today; the next one can wait until tomorrow.", many=CREATED_A_DAY)
    if not title.strip():
        raise Invalid("A group needs a name.", field="title")
    made = create_group(
        work,
        name,
        title=title,
        description=description,
        language=language,
        privacy=privacy,
        hue=hue,
        parent=parent,
        creator=founder,
    )
    moderation.keep_act(work, founder, "create group", made[1].uri, "", made[1].id)
    return made


def create_group(
    work: Work,
    name: str,
    *,
    title: str = "",
    description: str = "",
    language: str = "en",
    privacy: str = "open",
    hue: int | None = None,
    parent: Group | None = None,
    creator: Actor | None = None,
) -> tuple[Group, Actor]:
    """A group with its actor; whoever makes it is its admin."""
    _one_of("privacy", privacy, PRIVACY)
    _must_be_short(title=title, description=description)
    if parent is not None:
        _must_fit_below(parent, privacy)
    actor = forum_people.make_actor(
        work, "group", forum_people.free_name(work, name), title or name, description, language
    )
    group = Group(
        actor_id=actor.id,
        parent_id=parent.actor_id if parent is not None else None,
        privacy=privacy,
        threads="private" if privacy == "secret" else "either",
        language=language,
        hue=text.hue(name) if hue is None else hue % 360,
    )
    work.add(group)
    work.flush()
    if creator is not None:
        members.join(work, creator, group, role="admin")
    return group, actor


def suggested_name(work: Work, title: str) -> str:
    """A free handle made of the title; nothing where no letter of it can stand in one."""
    name = SEPARATORS.sub("_", text.slug(title).lower()).strip("_")[:LONGEST_HANDLE].rstrip("_")
    for number in range(1, 100):
        ending = "" if number == 1 else f"_{number}"
        tried = name[: LONGEST_HANDLE - len(ending)] + ending
        if name and tried not in forum_people.RESERVED and not people.name_taken(work, tried):
            return tried
    return ""


def edit_group(
    work: Work,
    group: Group,
    *,
    by: Actor | None = None,
    title: str | None = None,
    description: str | None = None,
    comments: str | None = None,
    who_may_start: str | None = None,
    outsiders_may_start: bool | None = None,
    outsiders_may_comment: bool | None = None,
    privacy: str | None = None,
    threads: str | None = None,
    language: str | None = None,
    hue: int | None = None,
    slow_mode: int | None = None,
    listed: bool | None = None,
    join_prompt: str | None = None,
) -> None:
    """Changes the group's settings; to secret is one-way and has a verb of its own. Nobody (`by`) is the console."""
    rules.may_administer(work, by, group.actor_id)
    _must_be_short(title=title, description=description, join_prompt=join_prompt)
    if comments is not None:
        group.comments = _one_of("comments", comments, COMMENTS)
    if who_may_start is not None:
        group.who_may_start = _one_of("who_may_start", who_may_start, WHO_MAY_START)
    if outsiders_may_start is not None:
        group.outsiders_may_start = outsiders_may_start
    if outsiders_may_comment is not None:
        group.outsiders_may_comment = outsiders_may_comment
    if language is not None:
        group.language = text.clean_language(language) or group.language
    if hue is not None:
        group.hue = hue % 360
    if slow_mode is not None:
        if not 0 <= slow_mode <= SLOWEST:
            raise Invalid("Slow mode is at most a day between two comments.", field="slow_mode")
        group.slow_mode = slow_mode
    if listed is not None:
        group.listed = listed
    if join_prompt is not None:
        group.join_prompt = text.clean_name(join_prompt, PROMPT)
    if privacy is not None and privacy != group.privacy:
        if "secret" in (privacy, group.privacy):
            raise NotAllowed("A group stays secret, or never becomes it, this way: servers elsewhere hold its threads.")
        group.privacy = _one_of("privacy", privacy, PRIVACY)
    if threads is not None and threads != group.threads:
        if group.privacy == "secret":
            raise NotAllowed("All threads of a secret group are private.")
        group.threads = _one_of("threads", threads, THREADS)
    actor = people.by_id(work, group.actor_id)
    if title is not None:
        actor.display_name = text.clean_name(title, TITLE) or actor.name
    if description is not None:
        actor.summary_source = description or None
        actor.summary = text.from_markdown(description).html if description else ""
    if by is not None:
        moderation.keep_act(work, by, "change settings", actor.uri, "", group.actor_id)
    _changed(work, actor)


def rename_group(work: Work, by: Actor | None, group: Group, name: str) -> None:
    """Gives the group another handle, at most once a month; its id and its addresses stay, the old handle leads on."""
    rules.may_administer(work, by, group.actor_id)
    actor = people.by_id(work, group.actor_id)
    name = name.strip().lower().removeprefix("@")
    if name == actor.name:
        return
    if by is not None and groups.renamed_since(work, actor.uri, work.now - RENAMED_AGAIN):
        raise NotAllowed("The handle was changed within the last %(days)s days; give people time to find it.",
                         days=RENAMED_AGAIN.days)  # fmt: skip
    own = work.get(Handle, name)
    if own is None or own.actor_id != actor.id:  # it may go back to one of its own
        name = forum_people.free_name(work, name)
        own = Handle(name=name, actor_id=actor.id)
        work.add(own)
    before = work.get(Handle, actor.name)
    if before is not None:
        before.current = False
    own.current = True
    moderation.keep_act(work, by, "rename", actor.uri, f"@{actor.name} → @{name}", group.actor_id)
    actor.name = name
    _changed(work, actor)


def archive_group(work: Work, by: Actor | None, group: Group, reason: str = "", *, archived: bool = True) -> None:
    """Ends what is said in a group, which can be read on; or opens it again."""
    rules.may_administer(work, by, group.actor_id)
    if (group.archived_at is not None) == archived:
        return
    rules.must_say_why(by, reason)
    group.archived_at = work.now if archived else None
    actor = people.by_id(work, group.actor_id)
    moderation.keep_act(
        work, by, "archive" if archived else "unarchive", actor.uri, upkeep.clean_reason(reason), group.actor_id
    )
    _changed(work, actor)


def _changed(work: Work, actor: Actor) -> None:
    actor.version += 1
    actor.updated_at = work.now
    work.flush()
    work.happened(ActorChanged(actor))


def _must_fit_below(parent: Group, privacy: str) -> None:
    if parent.parent_id is not None:
        raise Invalid("Groups have two levels: a part of a group has no parts itself.", field="parent")
    if parent.archived_at is not None:
        raise NotAllowed("This group is archived: it can be read, but nothing new is said in it.")
    if parent.privacy == "secret" and privacy != "secret":
        raise Invalid("A part of a secret group is secret too.", field="privacy")


def _must_be_short(*, title: str | None = None, description: str | None = None, join_prompt: str | None = None) -> None:
    for field, value, most in (
        ("title", title, TITLE),
        ("description", description, DESCRIPTION),
        ("join_prompt", join_prompt, PROMPT),
    ):
        if value is not None and len(value) > most:
            raise Invalid("This has %(many)s characters; at most %(most)s have room.", field=field,
                          many=len(value), most=most)  # fmt: skip


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise Invalid("Choose one of %(allowed)s; not %(value)s.", field=field, allowed=", ".join(allowed), value=value)
    return value
