"""Reports and blocks from other servers."""

from federation.activities import Activity, text
from node.forum import moderation
from node.forum.errors import NotFound
from storage import people
from storage.schema import Actor
from storage.work import Work


def receive_flag(work: Work, activity: Activity, sender: Actor) -> str:
    """A report, kept for the moderators; Mastodon sends it as its node, Lemmy puts the reason into `summary`."""
    about = [uri for uri in (*activity.objects, activity.object_id) if uri]
    words = text(activity.raw, "content") or text(activity.raw, "summary") or ""
    kept = moderation.report(work, sender, list(dict.fromkeys(about)), words, uri=activity.id)
    return f"report {kept.id}"


def receive_block(work: Work, activity: Activity, sender: Actor) -> str:
    """They want nothing more from one of ours."""
    moderation.take_block(work, sender, _ours(work, activity), uri=activity.id)
    return f"{sender.handle} blocks {activity.object_id}"


def undo_block(work: Work, undone: Activity, sender: Actor) -> str:
    moderation.lift_block(work, sender, _ours(work, undone))
    return f"{sender.handle} unblocks {undone.object_id}"


def _ours(work: Work, activity: Activity) -> Actor:
    target = people.by_uri(work, activity.object_id) if activity.object_id else None
    if target is None or not target.local:
        raise NotFound("It is about nobody here.")
    return target
