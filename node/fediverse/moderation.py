"""Reports to and from other servers, and blocks from there."""

from federation import activities
from federation.activities import Activity, text
from federation.documents import serialise
from node.fediverse import telling
from node.forum import moderation, reports
from node.forum.errors import NotFound
from storage import deliveries, people, threads
from storage.schema import Actor, Report
from storage.work import Work


def receive_flag(work: Work, activity: Activity, sender: Actor) -> str:
    """A report, kept for the moderators; Mastodon sends it as its node, Lemmy puts the reason into `summary`."""
    about = [uri for uri in (*activity.objects, activity.object_id) if uri]
    words = text(activity.raw, "content") or text(activity.raw, "summary") or ""
    kept = reports.take_flag(work, sender, list(dict.fromkeys(about)), words, uri=activity.id)
    return f"report {kept.id}"


def forward_report(work: Work, report: Report) -> None:
    """Flag to the server of whoever is reported: by the node, so that nobody there learns who among us told."""
    person = people.by_id(work, report.about_id) if report.about_id is not None else None
    node = people.by_uri(work, f"{work.origin}/actor")
    if person is None or person.local or node is None:
        return
    item = threads.comment(work, report.comment_id) if report.comment_id is not None else None
    # Mastodon wants the person with their posts; Lemmy one object, and no other.
    both = [person.uri, item.uri] if item is not None else [person.uri]
    uri = deliveries.mint(work)
    deliveries.enqueue(
        work,
        uri=uri,
        actor_id=node.id,
        type="Flag",
        about=both[-1],
        public=False,
        always=True,
        microblog=serialise(activities.report(uri, node.uri, both, person.uri, report.words)),
        forum=serialise(activities.report(uri, node.uri, both[-1:], person.uri, report.words)),
        to=people.inboxes_of(work, {person.id}, sender_id=node.id),
    )


def publish_block(work: Work, uri: str, actor: Actor, target: Actor, *, undone: bool = False) -> None:
    """Block, or its Undo with the Block embedded, to the server of whom it is about alone, as Mastodon does."""
    if target.local:
        return
    activity = activities.personal_block(uri, actor.uri, target.uri)
    if undone:
        activity = activities.undo(deliveries.mint(work), actor.uri, activity, [target.uri])
    telling.send_to_one(work, activity, actor, target, about=target.uri, always=True)


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
