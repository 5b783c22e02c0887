"""Threads and comments: start, answer, edit, erase. One verb for every door."""

from collections.abc import Iterable
from datetime import datetime

from node.forum import items, rules, tags, text
from node.forum.errors import Invalid, NotAllowed, NotFound, Overtaken
from node.forum.events import CommentEdited, CommentErased, CommentPosted, ThreadStarted
from node.forum.items import Elsewhere as Elsewhere
from node.forum.items import Imported as Imported
from storage import items as stored_items
from storage import people, reactions, revisions, threads
from storage import tags as stored_tags
from storage.schema import Actor, Comment, Group, Revision, Thread
from storage.work import Work

TITLE = 200  # characters; as much as Lemmy takes
NOTE = 200  # characters of a "what changed" line


def compose(work: Work, source: str, *, language: str | None = None) -> text.Words:
    """Markdown as words that can be posted: rendered once, with the people mentioned who are known here."""
    own_host = work.origin.split("://", 1)[1]

    def link(handle: str) -> str | None:
        actor = people.by_handle(work, handle, own_host)
        return (actor.url or actor.uri) if actor is not None and actor.state == "active" else None

    return text.from_markdown(
        source, language=language, link_mention=link, link_hashtag=lambda tag: f"{work.origin}/tags/{tag.lower()}"
    )


def start_thread(
    work: Work,
    author: Actor,
    group: Group,
    title: str,
    words: text.Words,
    *,
    private: bool = False,
    given_tags: Iterable[str] = (),
    whiteboard: bool = False,
    elsewhere: Elsewhere | None = None,
    imported: Imported | None = None,
) -> Comment:
    """Opens a thread in the group and answers its opening.

    `whiteboard` lets members of the group edit the opening. Where threads are for members alone, it is private.
    """
    if elsewhere is not None:
        known = threads.comment_by_uri(work, elsewhere.uri)
        if known is not None:
            return known
        _refuse_the_gone(work, elsewhere.uri, author)
    if imported is None:
        private = private or (author.local and group.threads == "private")
        rules.may_start(work, author, group, private=private)
    title = clean_title(title)
    chosen = tags.cleaned(given_tags)
    return _open(
        work, author, group, title, words,
        private=private or group.privacy == "secret", given_tags=chosen, whiteboard=whiteboard, elsewhere=elsewhere,
        imported=imported,
    )  # fmt: skip


def split_off(work: Work, author: Actor, origin: Thread, title: str, words: text.Words) -> Comment:
    """Opens a thread for a branch of another one, as private as that; the branch is hung below by `branches.split`."""
    group = work.get_one(Group, origin.group_id)
    return _open(work, author, group, clean_title(title), words, private=origin.private)


def clean_title(title: str) -> str:
    """The title in one line; refuses none, and one that is too long."""
    title = text.clean_name(title, TITLE + 1)
    if not title:
        raise Invalid("A thread needs a title.", field="title")
    if len(title) > TITLE:
        raise Invalid("A title has at most %(most)s characters; this one is longer.", most=TITLE, field="title")
    return title


def _open(
    work: Work,
    author: Actor,
    group: Group,
    title: str,
    words: text.Words,
    *,
    private: bool,
    given_tags: tuple[str, ...] = (),
    whiteboard: bool = False,
    elsewhere: Elsewhere | None = None,
    imported: Imported | None = None,
) -> Comment:
    said_at = imported.said_at if imported else work.now
    uid = work.mint()
    uri = elsewhere.uri if elsewhere else f"{work.origin}/post/{uid}"
    own_context = f"{work.origin}/post/{uid}/context"
    context = own_context
    if elsewhere is not None and elsewhere.contexts and items.same_origin(elsewhere.contexts[0], uri):
        context = elsewhere.contexts[0]
    thread = Thread(
        uid=uid,
        group_id=group.actor_id,
        title=title,
        slug=text.slug(title),
        context=context,
        private=private,
        language=words.language or group.language,
        announced=imported is None,
        whiteboard=whiteboard and author.local,
        created_at=said_at,
        last_activity_at=said_at,
    )
    work.add(thread)
    work.flush()
    opening = items.new_item(
        work, thread, None, author, words, uid=uid, uri=uri, elsewhere=elsewhere, imported=imported
    )
    tags.put_on(work, thread, opening, given_tags)
    work.flush()
    for seen in {context, own_context}:
        threads.remember_context(work, thread.id, seen)
    if elsewhere is not None:
        items.remember_contexts(work, thread, uri, elsewhere.contexts)
    people.touch(work, group.actor_id)
    if imported is None:
        work.happened(ThreadStarted(thread, opening, author))
    return opening


def post_comment(
    work: Work,
    author: Actor,
    parent: Comment,
    words: text.Words,
    *,
    elsewhere: Elsewhere | None = None,
    imported: Imported | None = None,
) -> Comment:
    """Answers an item; what is here already, by its URI, is not posted twice."""
    thread = threads.hold(work, parent)  # first: the same answer may be coming in beside us
    known = _as_it_is_now(work, elsewhere.uri) if elsewhere else None
    if known is not None and known.state != "missing":
        return known
    if elsewhere is not None:
        _refuse_the_gone(work, elsewhere.uri, author)
    if known is not None and known.thread_id != thread.id:
        items.let_go_of_hole(work, known)
        known = None
    group = work.get_one(Group, thread.group_id)
    if imported is None:
        rules.may_comment(work, author, group, thread)
        if parent.state in ("removed", "deleted", "moved") and author.local:
            raise NotAllowed("What this answers was taken away; answer something else in the thread.")
    if not words.html.strip() and not (elsewhere and (elsewhere.attachments or elsewhere.question)):
        raise Invalid("There is nothing in it yet: write something.")
    if known is not None:
        comment = items.fill(work, thread, known, parent, author, words, elsewhere)
    else:
        uid = work.mint()
        comment = items.new_item(
            work,
            thread,
            parent,
            author,
            words,
            uid=uid,
            uri=elsewhere.uri if elsewhere else f"{work.origin}/comment/{uid}",
            elsewhere=elsewhere,
            imported=imported,
        )
    work.flush()
    if elsewhere is not None:
        items.remember_contexts(work, thread, comment.uri, elsewhere.contexts)
    if imported is None:
        work.happened(CommentPosted(comment, author))
    return comment


def leave_hole(work: Work, thread_id: int, uri: str, *, parent: Comment | None = None) -> Comment:
    """The place of an item that is not here (yet): it has a URI and no author."""
    thread = threads.lock(work, thread_id)
    known = _as_it_is_now(work, uri)
    parent = parent or threads.opening(work, thread_id)
    if known is not None:
        # A hole in another thread is but what somebody claimed; this thread has its own opening to hang things under.
        return known if known.state != "missing" or known.thread_id == thread_id else parent
    return items.place(work, thread, parent, state="missing", uri=uri)


def keep_refused(work: Work, parent: Comment, uri: str, author: Actor, reason: str) -> Comment:
    """Keeps the URI and the reason of a reply that is not let in: what answers it hangs under a hole."""
    if people.is_gone(work, uri, author.uri):
        raise NotFound("Its author deleted it.")
    thread = threads.hold(work, parent)
    known = _as_it_is_now(work, uri)
    if known is not None:
        if known.state == "missing":
            known.state, known.reason = "refused", reason
            known.version += 1
        return known
    return items.place(work, thread, parent, state="refused", uri=uri, reason=reason)


def close_hole(work: Work, hole: Comment) -> None:
    """What was here as a hole is gone for good, says its own server."""
    thread = threads.hold(work, hole)
    if hole.state == "missing":
        hole.state = "deleted"
        hole.version += 1
        _changed(work, thread, hole)


def edit_comment(
    work: Work,
    editor: Actor,
    comment: Comment,
    words: text.Words,
    *,
    title: str | None = None,
    given_tags: Iterable[str] | None = None,
    note: str = "",
    since: int | None = None,
    elsewhere: Elsewhere | None = None,
) -> Comment:
    """Replaces the words of an item and keeps the earlier ones; an older edit never undoes a newer one.

    `note` says what changed. `since` is `storage.revisions.latest_id` of the wording that the editor began with:
    where somebody else has changed it since, nothing is changed. `title` and `given_tags` are those of a thread.
    """
    thread = threads.hold(work, comment)
    rules.may_edit(work, editor, comment, thread, work.get_one(Group, thread.group_id))
    if comment.state not in ("visible", "removed"):
        raise NotFound("It is not here any more.")
    if elsewhere is not None and _is_stale(comment, elsewhere.updated):
        return comment
    if since is not None and since != revisions.latest_id(work, comment.id):
        raise Overtaken("Somebody changed this while you were writing. Nothing of yours is lost: put both together.")
    if elsewhere is None and not words.html.strip():
        raise Invalid("There is nothing in it: write something, or delete it.", field="source")
    note = text.clean_name(note, NOTE + 1)
    if len(note) > NOTE:
        raise Invalid("Say what changed in at most %(most)s characters.", most=NOTE, field="note")
    edited_at = min(elsewhere.updated, work.now) if elsewhere and elsewhere.updated else work.now
    new_title = thread.title
    if title is not None and comment.number == 0:
        new_title = text.clean_name(title, TITLE) or thread.title if elsewhere is not None else clean_title(title)
    chosen = tags.given_to(thread, comment) if given_tags is None else tags.cleaned(given_tags)
    same_words = (words.html, words.source, new_title) == (comment.html, comment.source, thread.title)
    if same_words and (elsewhere is None or items.brings_nothing_new(comment, elsewhere)):
        if elsewhere is not None:  # else an older edit that comes late would undo this one
            comment.edited_at = items.edited_at(work, elsewhere) or comment.edited_at
        elif comment.number == 0 and given_tags is not None:
            tags.retag(work, thread, comment, chosen)
        return comment
    work.add(
        Revision(
            comment_id=comment.id,
            editor_id=editor.id,
            note=note,
            title=None if comment.number else thread.title,
            source=comment.source,
            html=comment.html,
            replaced_at=work.now,
        )
    )
    items.take_words(work, comment, words, elsewhere)
    comment.edited_at = edited_at
    comment.version += 1
    if comment.number == 0:
        thread.title, thread.slug = new_title, text.slug(new_title)
        tags.put_on(work, thread, comment, chosen)
    thread.version += 1
    work.flush()
    if comment.state == "visible":  # an edit of what a moderator removed is kept, and stays hidden
        work.happened(CommentEdited(comment, editor))
    return comment


def erase_comment(work: Work, author: Actor, comment: Comment) -> None:
    """Its author deletes an item: words, history and reactions are gone, a placeholder holds the tree."""
    if comment.author_id != author.id:
        raise NotAllowed("Only its author may delete this.")
    thread = threads.hold(work, comment)
    if comment.state == "deleted":
        return
    stored_items.forget_revisions(work, comment.id)
    reacted = frozenset(threads.reacting_ids(work, comment.id))
    reactions.drop_all_to(work, comment.id)
    work.happened(CommentErased(comment, author, reacted, tuple(tuple(pair) for pair in comment.mentions)))
    if comment.number == 0:
        thread.title, thread.slug, thread.tags = "[deleted]", "deleted", []
    comment.state, comment.reason = "deleted", None
    comment.source = comment.html = comment.wire = ""
    comment.summary = comment.question = comment.page_url = None
    comment.mentions, comment.tags, comment.attachments = [], [], []
    stored_tags.set(work, comment.id, ())
    comment.version += 1
    people.bury(work, comment.uri, author.uri, "object")
    _changed(work, thread, comment)


# ------------------------------------------------------------------ below the verbs


def _refuse_the_gone(work: Work, uri: str, author: Actor) -> None:
    if people.is_gone(work, uri, author.uri):
        raise NotFound("Its author deleted it.")  # even when the Delete came first


def _as_it_is_now(work: Work, uri: str) -> Comment | None:
    """The item of that URI, also when another has changed it since we looked."""
    known = threads.comment_by_uri(work, uri)
    if known is not None:
        work.refresh(known)
    return known


def _is_stale(comment: Comment, updated: datetime | None) -> bool:
    """An Update that is older than what we show; one without a time is taken in order of arrival."""
    return updated is not None and comment.edited_at is not None and updated < comment.edited_at


def _changed(work: Work, thread: Thread, comment: Comment) -> None:
    """What was taken away or brought back changes its parent's `replies` too."""
    thread.version += 1
    if comment.parent_id is not None:
        threads.touch(work, [comment.parent_id])
    work.flush()
