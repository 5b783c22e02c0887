"""Documents of our actors and their collections, from rows."""

from html import escape

from federation import activities, actors, collections, notes
from federation.actors import OutActor
from federation.documents import AS2, PUBLIC, Document, moment
from node.fediverse import posts
from node.forum import profiles
from storage import groups, pages, people, threads
from storage.people import by_id
from storage.schema import Actor, Comment
from storage.work import Work

PINNED = 20  # threads in `featured`; a group with more of them features none
OUTBOX = 50  # the newest threads; PieFed and Lemmy take no more


class NoKey(Exception):
    """The actor has no key yet; make one, outside the transaction, and ask again."""

    def __init__(self, actor_id: int) -> None:
        super().__init__(f"actor {actor_id} has no key yet")
        self.actor_id = actor_id


def document(work: Work, actor: Actor) -> Document:
    """The actor as other servers read it; raises NoKey when its key has to be made first."""
    key = people.key_of(work, actor.id)
    if key is None:
        raise NoKey(actor.id)
    group = groups.by_id(work, actor.id) if actor.kind == "group" else None
    out = OutActor(
        id=actor.uri,
        username=actor.name,
        host=actor.host,
        page=actor.url or actor.uri,
        public_key_pem=key.public_pem,
        shared_inbox=f"{work.origin}/inbox",
        name=actor.display_name,
        summary=actor.summary,
        source=actor.summary_source,
        discoverable=actor.discoverable and (group is None or group.listed),
        indexable=actor.indexable,
        posting_restricted=group is not None and (group.who_may_start == "moderators" or group.archived_at is not None),
        suspended=actor.state == "suspended",
        fields=tuple((row.name, _as_html(row)) for row in profiles.fields(actor)),
        published=actor.created_at,
        also_known_as=tuple(actor.also_known_as or ()),
        moved_to=actor.moved_to,
        updated=actor.updated_at if actor.updated_at > actor.created_at else None,
    )
    if actor.kind == "group":
        return actors.group_actor(out)
    return actors.node_actor(out) if actor.kind == "application" else actors.person_actor(out)


def _as_html(row: profiles.Field) -> str:
    """A row's value as Mastodon shows it; `me` lets the other page be verified in turn."""
    if row.url is None:
        return escape(row.value)
    url = escape(row.url)
    return f'<a href="{url}" rel="me nofollow noopener" target="_blank">{escape(row.url.partition("://")[2])}</a>'


def outbox(work: Work, actor: Actor) -> Document:
    """A group's newest threads, each as its Announce of the Create; one other item fails the whole at Lemmy."""
    uri = f"{actor.uri}/outbox"
    if actor.kind != "group":
        return collections.ordered_collection(uri, [])
    cards = pages.cards(work, viewer=None, group_id=actor.id, limit=OUTBOX)
    announces = (announce_of(work, actor, threads.opening(work, card.id)) for card in cards)
    return collections.ordered_collection(uri, [announce for announce in announces if announce is not None])


def announce_of(work: Work, group: Actor, opening: Comment) -> Document | None:
    """The group's Announce of a thread opened here; None for one that is not ours to wrap."""
    if opening.author_id is None or opening.state != "visible" or not by_id(work, opening.author_id).local:
        return None
    out = posts.out_post(work, opening)
    to, cc = notes.addressed_to(out)
    create = activities.create(
        f"{work.origin}/a/create-{opening.uid}",
        out.author,
        notes.article(out),
        to,
        cc,
        audience=out.group,
        published=out.published,
    )
    return activities.announce(
        f"{work.origin}/a/announce-{opening.uid}",
        group.uri,
        create,
        [group.uri, PUBLIC],
        [f"{group.uri}/followers"],
        published=out.published,
    )


def followers(work: Work, actor: Actor) -> Document:
    """How many follow; who they are is nobody's business."""
    return collections.collection(f"{actor.uri}/followers", people.count_followers(work, actor.id))


def following(work: Work, actor: Actor) -> Document:
    """How many are followed."""
    return collections.collection(f"{actor.uri}/following", people.count_following(work, actor.id))


def moderators(work: Work, actor: Actor) -> Document:
    """The ids of a group's moderators, inline."""
    return collections.ordered_collection(
        f"{actor.uri}/moderators", [moderator.uri for moderator in people.moderators(work, actor.id)]
    )


def featured(work: Work, actor: Actor) -> Document:
    """A group's welcome note, which alone Mastodon pins, as the group says it itself; then its pinned threads."""
    items: list[str | Document] = []
    if actor.kind == "group":
        items.append(welcome(actor))
        for card in pages.cards(work, viewer=None, group_id=actor.id, pinned=True, limit=PINNED):
            opening = threads.opening(work, card.id)
            if opening.state == "visible":
                items.append(
                    posts.document(work, opening, "forum") if by_id(work, opening.author_id or 0).local else opening.uri
                )
    return collections.ordered_collection(f"{actor.uri}/featured", items)


def welcome(actor: Actor) -> Document:
    """A note by the group itself: what it is and how to take part from where the reader is."""
    handle = f"@{actor.handle}"
    content = (
        f"<p><strong>{escape(actor.display_name)}</strong></p>{actor.summary}"
        f"<p>Follow {handle} to get its threads. Answer any of them from your own server; to start one, write a public "
        f'post that mentions {handle}.</p><p><a href="{escape(actor.uri)}">{escape(actor.uri)}</a></p>'
    )
    uri = f"{actor.uri}/welcome"
    return {
        "@context": AS2,
        "id": uri,
        "type": "Note",
        "attributedTo": actor.uri,
        "to": [PUBLIC],
        "cc": [f"{actor.uri}/followers"],
        "content": content,
        "mediaType": "text/html",
        "url": actor.uri,
        "published": moment(actor.created_at),
        "attachment": [],
        "tag": [],
        "sensitive": False,
    }


def gone(work: Work, actor: Actor) -> Document:
    """What stands where a deleted actor was."""
    kind = "Group" if actor.kind == "group" else "Person"
    return notes.tombstone(actor.uri, former_type=kind, deleted=actor.updated_at)
