"""Reports: somebody tells moderators of an item or a person, and moderators say what they decided."""

from node.forum import markup, rules
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import Reported
from storage import moderation, people, reports, threads
from storage.schema import Actor, Comment, Report
from storage.work import Work

CATEGORIES = ("spam", "abuse", "rules", "other")
WORDS = 5000  # characters, as much as Mastodon takes
OBJECTS = 100


def report_item(
    work: Work, reporter: Actor, comment: Comment, category: str, words: str, *, forward: bool = False
) -> Report:
    """Tells the group's moderators of an item; of what one of them said, the admins of the node.

    `forward` has the server that the item is from told as well.
    """
    rules.must_stand(reporter)
    if not threads.is_visible(work, comment.id, reporter.id):
        raise NotFound("There is no such item.")
    if comment.author_id == reporter.id:
        raise NotAllowed("This is yours: you can edit or delete it yourself.")
    return _take(
        work, reporter, category, words, comment=comment, about_id=comment.author_id,
        group_id=_for_whom(work, comment), objects=[comment.uri], forward=forward,
    )  # fmt: skip


def report_person(
    work: Work, reporter: Actor, person: Actor, category: str, words: str, *, forward: bool = False
) -> Report:
    """Tells the admins of the node of someone, here or elsewhere."""
    rules.must_stand(reporter)
    if person.state == "deleted" or person.kind == "group":
        raise NotFound("There is nobody of that name here.")
    if person.id == reporter.id:
        raise NotAllowed("This is you.")
    return _take(
        work, reporter, category, words,
        comment=None, about_id=person.id, group_id=None, objects=[person.uri], forward=forward,
    )  # fmt: skip


def take_flag(work: Work, reporter: Actor, objects: list[str], words: str, *, uri: str | None = None) -> Report:
    """Keeps a report from another server for the moderators whom it concerns; one of a server about one thing."""
    known = reports.by_uri(work, uri) if uri is not None else None
    if known is not None:
        return known
    words = markup.at_edge(words).strip()[:WORDS]
    objects = objects[:OBJECTS]
    items = [found for about in objects if (found := threads.comment_by_uri(work, about)) is not None]
    named = [actor for about in objects if (actor := people.by_uri(work, about)) is not None]
    comment = items[0] if items else None
    about_id = named[0].id if named else comment.author_id if comment is not None else None
    comment_id = comment.id if comment is not None else None
    if about_id is not None:
        people.lock(work, about_id)  # two of one server that come at once wait for each other
    known = reports.open_from(work, reporter.host, comment_id=comment_id, about_id=about_id)
    if known is not None:  # a thousand accounts of one server are one voice (DOS-15)
        if words and words not in known.words and len(known.words) + len(words) + 2 <= WORDS:
            known.words = f"{known.words}\n\n{words}".strip()
        work.flush()
        return known
    kept = Report(
        uri=uri,
        reporter_id=reporter.id,
        objects=objects,
        words=words,
        group_id=_for_whom(work, comment) if comment is not None else None,
        comment_id=comment_id,
        about_id=about_id,
        created_at=work.now,
    )
    work.add(kept)
    work.flush()
    work.happened(Reported(kept, forward=False))
    return kept


def resolve(work: Work, moderator: Actor | None, report_id: int, words: str) -> None:
    """Says what came of a report; what is done to the item or the person is an act of its own."""
    report = reports.by_id(work, report_id)
    if report is None or not may_see(work, moderator, report.group_id):
        raise NotFound("There is no such report.")
    if report.resolved_at is not None:
        raise NotAllowed("This report was resolved already.")
    words = markup.at_edge(words).strip()
    if not words:
        raise Invalid("Say in a few words what you decided.", field="words")
    if len(words) > WORDS:
        raise Invalid("It has at most %(most)s characters.", most=WORDS, field="words")
    report.resolved_at, report.resolution = work.now, words
    report.resolved_id = moderator.id if moderator is not None else None
    about = report.objects[0] if report.objects else ""
    moderation.keep_act(work, moderator, "resolve report", about, words, report.group_id)


def may_see(work: Work, actor: Actor | None, group_id: int | None) -> bool:
    """Reports of a group are for its moderators, and all of them for the admins of the node."""
    if actor is None:
        return True
    if actor.state != "active":
        return False
    if group_id is not None and reports.moderates(work, actor.id, group_id):
        return True
    return rules.runs_the_node(work, actor)


def _for_whom(work: Work, comment: Comment) -> int | None:
    """The group whose moderators judge the item; None, for the node's admins, where one of them wrote it."""
    group_id = threads.by_id(work, comment.thread_id).group_id
    author_id = comment.author_id
    return None if author_id is not None and reports.moderates(work, author_id, group_id) else group_id


def _take(
    work: Work,
    reporter: Actor,
    category: str,
    words: str,
    *,
    comment: Comment | None,
    about_id: int | None,
    group_id: int | None,
    objects: list[str],
    forward: bool,
) -> Report:
    words = markup.at_edge(words).strip()
    if category not in CATEGORIES:
        raise Invalid("Choose what it is about.", field="category")
    if not words and category == "other":
        raise Invalid("Say in a few words what is wrong.", field="words")
    if len(words) > WORDS:
        raise Invalid("A report has at most %(most)s characters; this one is longer.", most=WORDS, field="words")
    known = reports.open_of(
        work, reporter.id, comment_id=comment.id if comment is not None else None, about_id=about_id
    )
    if known is not None:  # said again, perhaps better
        known.category, known.words = category, words or known.words
        work.flush()
        return known
    report = Report(
        reporter_id=reporter.id,
        objects=objects,
        category=category,
        words=words,
        group_id=group_id,
        comment_id=comment.id if comment is not None else None,
        about_id=about_id,
        created_at=work.now,
    )
    work.add(report)
    work.flush()
    work.happened(Reported(report, forward))
    return report
