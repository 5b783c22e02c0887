"""Drafts: what a member began to write, kept until it is posted or thrown away."""

import re
from collections.abc import Mapping

from node.forum import markup, rules
from node.forum.errors import Invalid, NotFound
from node.forum.text import MAX_SOURCE
from storage import drafts, groups, threads
from storage.schema import Actor, Draft
from storage.work import Work

PLACE = re.compile(r"(?:(?:reply|edit):[a-z2-7]{1,32}|thread:[A-Za-z0-9_]{1,64})")
FIELDS = 12  # of a form
LONGEST = 2 * MAX_SOURCE  # characters; what is too long to be posted is still not lost
KEPT = 200  # drafts of one member; the oldest goes when there is one more


def keep_draft(work: Work, writer: Actor, place: str, words: Mapping[str, str]) -> None:
    """Keeps what a form holds so far; an empty one is no draft."""
    rules.must_stand(writer)
    _must_be_there(work, writer, place)
    if len(words) > FIELDS or sum(len(value) for value in words.values()) > LONGEST:
        raise Invalid("This is too long to be kept as a draft.", field="words")
    kept = {name[:40]: markup.at_edge(value) for name, value in words.items()}
    if not any(value.strip() for value in kept.values()):
        drafts.drop(work, writer.id, place)
        return
    known = drafts.of(work, writer.id, place)
    if known is not None:
        if known.words != kept:
            known.words, known.updated_at = kept, work.now
        work.flush()
        return
    if drafts.count(work, writer.id) >= KEPT:
        drafts.drop(work, writer.id, drafts.of_actor(work, writer.id)[-1].place)
    work.add(Draft(actor_id=writer.id, place=place, words=kept, updated_at=work.now))
    work.flush()


def drop_draft(work: Work, writer: Actor, place: str) -> None:
    """Throws a draft away; none there changes nothing."""
    drafts.drop(work, writer.id, place)


def words_in(work: Work, writer_id: int, place: str) -> dict[str, str]:
    """What the member began to write in that place, by field; empty where nothing was begun."""
    draft = drafts.of(work, writer_id, place)
    return {str(name): str(value) for name, value in draft.words.items()} if draft is not None else {}


def _must_be_there(work: Work, writer: Actor, place: str) -> None:
    kind, _, name = place.partition(":")
    if not PLACE.fullmatch(place):
        raise NotFound("There is nothing there to write in.")
    if kind == "thread":
        row = groups.by_name(work, name)
        there = row is not None and groups.card(work, row[0].actor_id, writer.id) is not None
    else:
        comment = threads.comment_by_uid(work, name)
        there = comment is not None and threads.thread_is_visible(work, comment.thread_id, writer.id)
    if not there:
        raise NotFound("There is nothing there to write in.")
