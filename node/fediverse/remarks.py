"""Remarks on the wire: answers and likes of ours in threads of other servers."""

from federation import activities, notes
from federation.addresses import same_origin
from federation.budget import Budget
from federation.documents import MICROBLOG_CONTEXT, PUBLIC, Document, moment, serialise
from federation.errors import FederationError, Refused
from federation.objects import Post, is_post
from node.fediverse import people as fediverse_people
from node.fediverse.fetching import refuse_blocked
from node.fediverse.said import read_post
from node.forum.errors import NotFound
from node.forum.remarks import Elsewhere
from node.node import Node
from storage import deliveries, people
from storage.people import Inbox
from storage.schema import Actor, Remark
from storage.work import Work

MENTIONED = 10  # actors looked up for one answer


async def find_elsewhere(node: Node, address: str) -> Elsewhere:
    """What is at an address on another server, with its author and group met; raises NotFound for people to read."""
    found = await look_up(node, address)
    if isinstance(found, int):
        raise NotFound("There is nothing at %(address)s that can be answered.", address=address)
    return found


async def look_up(node: Node, address: str) -> int | Elsewhere:
    """Who or what is at a handle or an address elsewhere: the id of an actor met, or a post; raises NotFound.

    Why something is not found is not told: it would tell what lies inside our network (SSR-21).
    """
    if "://" not in address:
        return await fediverse_people.find_actor(node, address)
    budget = Budget()
    try:
        await refuse_blocked(node, address)
        document = await node.client.inspect(address, budget)
        if not is_post(document):
            uri = str(document["id"])
            await refuse_blocked(node, uri)
            return await fediverse_people.fetch_actor(node, uri, budget)
        post = Post.parse(document)
        await refuse_blocked(node, post.id)
        return await _elsewhere(node, post, budget)
    except FederationError as error:
        raise NotFound(
            "Nothing can be found at %(address)s. Look at the address, or try again later: its server may be silent"
            " just now.",
            address=address,
        ) from error


async def _elsewhere(node: Node, post: Post, budget: Budget) -> Elsewhere:
    if not same_origin(post.id, post.attributed_to):
        raise Refused("the object and its author are of different servers")
    said = await read_post(post)
    await fediverse_people.fetch_actor(node, post.attributed_to, budget)
    group = None
    for uri in dict.fromkeys([*post.audience, *(mention.href for mention in post.mentions[:MENTIONED])]):
        if uri == post.attributed_to or len(uri) > 2000:
            continue
        try:
            actor_id = await fediverse_people.fetch_actor(node, uri, budget)
        except FederationError:
            continue  # whoever cannot be had hears nothing of the answer
        if group is None and await node.storage.read(_is_group, actor_id):
            group = uri
    return Elsewhere(
        post.id,
        post.url,
        post.attributed_to,
        group,
        post.context or post.conversation,
        tuple((mention.href, mention.name.lstrip("@")) for mention in post.mentions[:MENTIONED]),
        title=said.title,
        html=said.words.html,
        language=said.words.language,
        summary=said.elsewhere.summary,
        sensitive=said.elsewhere.sensitive,
        published_at=post.published,
        in_reply_to=post.in_reply_to,
        open=post.comments_enabled,
    )


def _is_group(work: Work, actor_id: int) -> bool:
    return people.by_id(work, actor_id).kind == "group"


def document(work: Work, remark: Remark) -> Document:
    """The remark as a Note; a reply never has a name, or it would be taken for a vote."""
    author = people.by_id(work, remark.author_id)
    group = people.by_id(work, remark.group_id) if remark.group_id is not None else None
    to, cc = _addressed(work, remark)
    note: Document = {
        "@context": MICROBLOG_CONTEXT,
        "id": remark.uri,
        "type": "Note",
        "attributedTo": author.uri,
        "inReplyTo": remark.in_reply_to,
        "to": to,
        "cc": cc,
        "content": remark.wire,
        "mediaType": "text/html",
        "source": {"content": remark.source, "mediaType": "text/markdown"},
        "url": remark.uri,
        "published": moment(remark.published_at),
        "tag": [
            *({"type": "Mention", "href": uri, "name": f"@{handle}"} for uri, handle in remark.mentions),
            *(
                {"type": "Hashtag", "href": f"{work.origin}/tags/{tag.lower()}", "name": f"#{tag}"}
                for tag in remark.tags
            ),
        ],
        "attachment": [],
        "sensitive": False,
        "interactionPolicy": {"canQuote": {"automaticApproval": [PUBLIC]}},
    }
    if group is not None:
        note["audience"] = group.uri
    if remark.context:
        note |= {"context": remark.context, "conversation": remark.context}
    if remark.language:
        note["contentMap"] = {remark.language: remark.wire}
    if remark.edited_at is not None:
        note["updated"] = moment(remark.edited_at)
    return note


def tombstone(work: Work, remark: Remark) -> Document:
    """What stands where a remark was, for ever."""
    return notes.tombstone(remark.uri, former_type="Note", deleted=work.now)


def publish(work: Work, remark: Remark, author: Actor) -> None:
    """Create to whom it answers, its group, whom it mentions, and the author's followers."""
    to, cc = _addressed(work, remark)
    create = activities.create(
        deliveries.mint(work), author.uri, document(work, remark), to, cc, published=remark.published_at
    )
    _send(work, create, author, remark.uri, _recipients(work, remark, author))


def publish_edit(work: Work, remark: Remark, author: Actor) -> None:
    """Update to the same."""
    to, cc = _addressed(work, remark)
    update = activities.update(deliveries.mint(work), author.uri, document(work, remark), to, cc)
    _send(work, update, author, remark.uri, _recipients(work, remark, author))


def publish_erasure(work: Work, remark: Remark, author: Actor) -> None:
    """Delete to the same, and to every inbox that the author ever reached."""
    deliveries.forget_words(work, remark.uri)
    to, cc = _addressed(work, remark)
    delete = activities.delete(deliveries.mint(work), author.uri, remark.uri, to, cc)
    reached = _recipients(work, remark, author) | people.reached_inboxes(work, author.id)
    _send(work, delete, author, remark.uri, reached, always=True)


def publish_like(work: Work, actor: Actor, uri: str, author: Actor, *, undone: bool) -> None:
    """Like, or its Undo with the Like embedded, to the author's own inbox."""
    said = deliveries.latest_about(work, actor.id, "Like", uri)
    to = people.inboxes_of(work, {author.id}, sender_id=actor.id, shared=False, even_blocked=undone)
    if not undone:
        if said is None or deliveries.latest_about(work, actor.id, "Undo", uri, after=said.id) is not None:
            _send(work, activities.like(deliveries.mint(work), actor.uri, uri, [author.uri, PUBLIC]), actor, uri, to)
        return
    if said is not None:
        like = activities.like(said.uri, actor.uri, uri, [author.uri, PUBLIC])
        undo = activities.undo(deliveries.mint(work), actor.uri, like, [author.uri, PUBLIC])
        _send(work, undo, actor, uri, to, always=True)


def _addressed(work: Work, remark: Remark) -> tuple[list[str], list[str]]:
    author = people.by_id(work, remark.author_id)
    group = [people.by_id(work, remark.group_id).uri] if remark.group_id is not None else []
    to = [*group, PUBLIC]
    cc = dict.fromkeys([f"{author.uri}/followers", *(uri for uri, _ in remark.mentions)])
    return to, [uri for uri in cc if uri not in to]


def _recipients(work: Work, remark: Remark, author: Actor) -> set[Inbox]:
    ids = {remark.answered_id} | ({remark.group_id} if remark.group_id is not None else set())
    mentioned = (people.by_uri(work, uri) for uri, _ in remark.mentions)
    ids |= {actor.id for actor in mentioned if actor is not None}
    return people.inboxes_of(work, ids, sender_id=author.id) | people.follower_inboxes(work, author.id)


def _send(work: Work, activity: Document, actor: Actor, about: str, to: set[Inbox], *, always: bool = False) -> None:
    body = serialise(activity)
    deliveries.enqueue(
        work,
        uri=activity["id"],
        actor_id=actor.id,
        type=activity["type"],
        about=about,
        public=True,
        always=always,
        microblog=body,
        forum=body,
        to=to,
    )
