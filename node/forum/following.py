"""What is published by those whom members follow on other servers: kept for a while, for whoever follows them."""

from html import escape

from node.forum import items
from node.forum.errors import NotAllowed, NotFound
from node.forum.items import Elsewhere
from node.forum.text import Words
from storage import followed_posts, people, threads
from storage.schema import Actor, FollowedPost
from storage.work import Work


def may_come(work: Work, author: Actor, group: Actor | None = None) -> bool:
    """Somebody of ours follows the author, or the group that passes it on; and they do not flood us."""
    if author.local or author.state != "active":
        return False
    if followed_posts.is_followed(work, author.id):
        return followed_posts.came_lately(work, author_id=author.id) < followed_posts.PER_HOUR
    return group is not None and may_pass_on(work, group)


def may_pass_on(work: Work, group: Actor) -> bool:
    """Somebody of ours follows the group, and it does not flood us; boosts by people are not listed."""
    if group.local or group.kind != "group" or group.state != "active":
        return False
    if not followed_posts.is_followed(work, group.id):
        return False
    return followed_posts.came_lately(work, group_id=group.id) < followed_posts.PER_HOUR


def keep(
    work: Work,
    author: Actor,
    words: Words,
    elsewhere: Elsewhere,
    *,
    title: str | None = None,
    in_reply_to: str | None = None,
    public: bool = True,
    edited: bool = False,
    group: Actor | None = None,
) -> FollowedPost | None:
    """Keeps what a followed author published, or a followed group passed on; None for what nobody follows.

    `edited`: the author says that these are its words now. Else what is known already stays as it is.
    """
    if people.is_gone(work, elsewhere.uri, author.uri):
        raise NotFound("Its author deleted it.")
    if group is not None and people.is_gone(work, elsewhere.uri, group.uri):
        group = None
    known = followed_posts.by_uri(work, elsewhere.uri)
    if known is not None:
        if known.author_id != author.id:
            raise NotAllowed("Only its author may change this.")
        if edited and not _is_stale(known, elsewhere):
            _take_words(work, known, words, elsewhere, title=title, in_reply_to=in_reply_to, public=public)
        if group is not None and known.passed_on_id is None and may_pass_on(work, group):
            known.passed_on_id = group.id
        work.flush()
        return known
    if not may_come(work, author, group) or _has_its_place(work, elsewhere.uri):
        return None
    published = min(elsewhere.published or work.now, work.now)
    if edited and work.now - published > followed_posts.KEPT:
        return None  # somebody puts an old post right; it is not news
    kept = FollowedPost(
        uri=elsewhere.uri,
        author_id=author.id,
        passed_on_id=group.id if group is not None and may_pass_on(work, group) else None,
        published_at=published,
        arrived_at=work.now,
    )
    _take_words(work, kept, words, elsewhere, title=title, in_reply_to=in_reply_to, public=public)
    work.add(kept)
    work.flush()
    for actor_id in (kept.author_id, kept.passed_on_id):
        if actor_id is not None:
            followed_posts.drop_beyond(work, actor_id)
    return kept


def take_away(work: Work, author: Actor, uri: str) -> bool:
    """Its author deletes a kept post, and it does not come back."""
    known = followed_posts.by_uri(work, uri)
    if known is None or known.author_id != author.id:
        return False
    people.bury(work, uri, author.uri, "object")
    followed_posts.drop(work, known)
    return True


def withhold(work: Work, author: Actor, uri: str) -> bool:
    """Its author made a kept post one for fewer than those who follow them: it is not for this list."""
    known = followed_posts.by_uri(work, uri)
    if known is None or known.author_id != author.id:
        return False
    followed_posts.drop(work, known)
    return True


def take_back(work: Work, group: Actor, uri: str) -> bool:
    """A group passes a post on no more; who follows its author still reads it."""
    known = followed_posts.by_uri(work, uri)
    if known is None or known.passed_on_id != group.id:
        return False
    known.passed_on_id = known.pinned_at = known.locked_at = None
    work.flush()
    followed_posts.drop_unread(work, known.author_id)
    return True


def keep_out(work: Work, group: Actor, uri: str) -> bool:
    """A followed group says that a post is gone from it; it is not listed through that group again."""
    if not followed_posts.is_followed(work, group.id):
        return False
    people.bury(work, uri, group.uri, "object")
    return take_back(work, group, uri)


def mark(work: Work, group: Actor, uri: str, *, pinned: bool | None = None, locked: bool | None = None) -> bool:
    """A group puts a post that it passed on first, or closes it to answers; or no longer. Of others it says nothing."""
    known = followed_posts.by_uri(work, uri)
    if known is None or known.passed_on_id != group.id:
        return False
    if pinned is not None:
        known.pinned_at = (known.pinned_at or work.now) if pinned else None
    if locked is not None:
        known.locked_at = (known.locked_at or work.now) if locked else None
    work.flush()
    return True


def let_go(work: Work, target: Actor) -> None:
    """What nobody follows any more is not kept."""
    followed_posts.drop_unread(work, target.id)


def forget(work: Work, author: Actor) -> None:
    """An author is gone, with all that they published."""
    followed_posts.drop_of(work, author.id)


def tidy(work: Work) -> int:
    """What is old goes, and what nobody follows any more; says how much that was."""
    return followed_posts.drop_old(work) + followed_posts.drop_unread(work)


def _has_its_place(work: Work, uri: str) -> bool:
    item = threads.comment_by_uri(work, uri)
    return item is not None and item.state != "missing"


def _is_stale(known: FollowedPost, elsewhere: Elsewhere) -> bool:
    return elsewhere.updated is not None and known.edited_at is not None and elsewhere.updated < known.edited_at


def _take_words(
    work: Work,
    post: FollowedPost,
    words: Words,
    elsewhere: Elsewhere,
    *,
    title: str | None,
    in_reply_to: str | None,
    public: bool,
) -> None:
    post.title, post.html, post.language = title, words.html + _options(elsewhere), words.language
    post.summary, post.sensitive = elsewhere.summary, elsewhere.sensitive
    post.attachments = list(elsewhere.attachments)
    post.page_url, post.in_reply_to, post.public = elsewhere.page, in_reply_to, public
    post.edited_at = items.edited_at(work, elsewhere)


def _options(elsewhere: Elsewhere) -> str:
    """The choices of a poll, to read."""
    options = (elsewhere.question or {}).get("options") or []
    return "<ul>" + "".join(f"<li>{escape(name)}</li>" for name, _ in options) + "</ul>" if options else ""
