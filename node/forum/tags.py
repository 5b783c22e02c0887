"""The tags of a thread: those that were given to it, besides the hashtags in its opening."""

import re
from collections.abc import Iterable, Sequence

from node.forum import rules, text
from node.forum.errors import Invalid, NotAllowed
from node.forum.events import ThreadTagged
from storage import moderation, tags, threads
from storage.schema import Actor, Comment, Thread
from storage.work import Work

MOST = 10  # of a thread; more of them tell nobody anything
LONGEST = 40  # characters


def cleaned(given: Iterable[str]) -> tuple[str, ...]:
    """Tags as somebody wrote them, each once and without its #; says what is wrong with them."""
    kept: dict[str, str] = {}
    for words in given:
        tag = text.clean_name(words, 4 * LONGEST).lstrip("#").strip()
        if not tag:
            continue
        if len(tag) > LONGEST:
            raise Invalid("A tag has at most %(most)s characters.", most=LONGEST, field="tags")
        if "/" in tag or not any(char.isalnum() for char in tag):
            raise Invalid("“%(tag)s” cannot be a tag: use words.", tag=tag, field="tags")
        kept.setdefault(tags.fold(tag), tag)
    if len(kept) > MOST:
        raise Invalid("A thread has at most %(most)s tags.", most=MOST, field="tags")
    return tuple(kept.values())


def split(words: str) -> tuple[str, ...]:
    """What somebody wrote into one field, between commas."""
    return tuple(part for part in re.split(r"[,;،、\n]", words[:2000]) if part.strip())


def given_to(thread: Thread, opening: Comment) -> tuple[str, ...]:
    """The tags of a thread that are not hashtags of its opening."""
    written = {tags.fold(tag) for tag in opening.tags}
    return tuple(tag for tag in thread.tags if tags.fold(tag) not in written)


def put_on(work: Work, thread: Thread, opening: Comment, given: Sequence[str]) -> None:
    """Has the thread carry these tags, besides the hashtags of its opening."""
    both = {tags.fold(tag): tag for tag in (*opening.tags, *given)}
    thread.tags = list(both.values())
    tags.set(work, opening.id, both.values())


def set_tags(work: Work, actor: Actor | None, thread_id: int, given: Iterable[str], reason: str = "") -> None:
    """Gives a thread other tags: by its author, or by a moderator."""
    thread = threads.lock(work, thread_id)
    opening = threads.opening(work, thread_id)
    if actor is None or actor.id != opening.author_id:
        rules.may_moderate(work, actor, thread.group_id)
    else:
        rules.must_stand(actor)
        rules.must_see(work, actor, thread)
    if opening.state != "visible":
        raise NotAllowed("The opening of this thread was taken away.")
    if not retag(work, thread, opening, cleaned(given)):
        return
    if actor is None or actor.id != opening.author_id:
        moderation.keep_act(work, actor, "tag", threads.uri_of(work, thread), reason, thread.group_id)


def retag(work: Work, thread: Thread, opening: Comment, given: Sequence[str]) -> bool:
    """Other tags and the same words; says whether they are other ones."""
    before = list(thread.tags)
    put_on(work, thread, opening, given)
    if [tags.fold(tag) for tag in before] == [tags.fold(tag) for tag in thread.tags]:
        thread.tags = before
        return False
    thread.version += 1
    opening.version += 1
    work.flush()
    work.happened(ThreadTagged(thread, opening))
    return True
