"""Likes, dislikes, emoji and boosts from other servers."""

from federation.activities import Activity, text
from node.fediverse import following
from node.fediverse.said import Said
from node.forum import reactions
from node.forum.errors import NotFound
from storage import threads
from storage.schema import Actor, Comment
from storage.work import Work

SHORTCODE = 40  # characters of an emoji that is kept


def receive_like(work: Work, activity: Activity, sender: Actor) -> str:
    """A like; with `content` Misskey and its kin mean an emoji."""
    return _react(work, activity, sender, _emoji(activity) or "like")


def receive_dislike(work: Work, activity: Activity, sender: Actor) -> str:
    """Lemmy's downvote: kept as 👎."""
    return _react(work, activity, sender, "dislike")


def receive_emoji(work: Work, activity: Activity, sender: Actor) -> str:
    """An EmojiReact (FEP-c0e0)."""
    return _react(work, activity, sender, _emoji(activity) or "like")


def receive_boost(work: Work, activity: Activity, sender: Actor, said: Said | None = None) -> str:
    """An Announce of an item that is here is counted; what a followed group announces, `said`, is listed."""
    listed = following.receive_announced(work, activity, sender, said)
    return listed or _react(work, activity, sender, "boost")


def undo_like(work: Work, undone: Activity, sender: Actor) -> str:
    """A like, or the emoji that came as one, is taken back."""
    return _unreact(work, undone, sender, _emoji(undone) or "like")


def undo_dislike(work: Work, undone: Activity, sender: Actor) -> str:
    return _unreact(work, undone, sender, "dislike")


def undo_emoji(work: Work, undone: Activity, sender: Actor) -> str:
    return _unreact(work, undone, sender, _emoji(undone) or "like")


def undo_boost(work: Work, undone: Activity, sender: Actor) -> str:
    listed = following.take_back(work, sender, undone.object_id) if undone.object_id else None
    uncounted = _unreact(work, undone, sender, "boost")
    return listed or uncounted


def _react(work: Work, activity: Activity, sender: Actor, kind: str) -> str:
    comment = _item(work, activity.object_id)
    if comment is None:
        raise NotFound("It is about nothing that is here.")
    reactions.react(work, sender, comment, kind, uri=activity.id)
    return f"{kind} on {comment.uri}"


def _unreact(work: Work, undone: Activity, sender: Actor, kind: str) -> str:
    if undone.id and reactions.unreact_by_uri(work, sender, undone.id):
        return f"{kind} taken back"
    comment = _item(work, undone.object_id)
    if comment is None:
        return "nothing to take back; its id is kept out"
    reactions.unreact(work, sender, comment, kind)  # the row of this sender alone (AUT-19)
    return f"{kind} on {comment.uri} taken back"


def _item(work: Work, uri: str | None) -> Comment | None:
    return threads.comment_by_uri(work, uri) if uri else None


def _emoji(activity: Activity) -> str | None:
    content = text(activity.raw, "content")
    if not content:
        return None
    content = content.strip()
    if not 0 < len(content) <= SHORTCODE or not content.isprintable() or content in reactions.OPPOSITE:
        return None
    return {"👍": "like", "👎": "dislike", "❤": "like", "❤️": "like", "⭐": "like"}.get(content, content)
