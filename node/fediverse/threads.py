"""Threads and comments from other servers: what they say is gathered over the network, then received in one go."""

from dataclasses import dataclass, replace
from typing import Literal

from federation.activities import Activity
from federation.addresses import authority, same_origin
from federation.budget import Budget
from federation.errors import FederationError, Gone, Malformed, Refused, Unreachable
from federation.inbox import Received
from federation.objects import Post, is_post
from node.fediverse import following, telling
from node.fediverse import people as fediverse_people
from node.fediverse.fetching import fetch_post
from node.fediverse.said import Said, read_post
from node.forum import following as forum_following
from node.forum import moderation, text
from node.forum import people as forum_people
from node.forum import threads as forum_threads
from node.forum.errors import Invalid, NotFound, Refusal
from node.node import Node
from storage import groups, people, threads
from storage.schema import Actor, Comment, Thread
from storage.work import Work

CHAIN = 15  # parents fetched upwards for one reply; what is above them is a hole


@dataclass(frozen=True, slots=True)
class Gathered:
    """A post with the parents that were missing, the uppermost first, and the group that passed it on, if one did."""

    said: Said
    parents: tuple[Said, ...] = ()
    passed_on_by: str | None = None


# ------------------------------------------------------------------ over the network


async def gather(node: Node, received: Received, budget: Budget) -> Gathered:
    """The post that a Create or Update is about, believed only from its own author, with its missing parents."""
    activity = received.activity
    said = await read_post(await _believed(node, activity, budget))
    if said.is_vote or not said.public or said.in_reply_to is None:
        return Gathered(said)
    place = await node.storage.read(_place_of, said)
    if place in ("here", "below"):
        return Gathered(said)
    if place == "elsewhere":
        if await node.storage.read(following.is_wanted, said.author):
            return Gathered(said)
        raise Refused("it answers nothing that is here, and names nobody of ours")
    return await gather_parents(node, said, budget)


async def _believed(node: Node, activity: Activity, budget: Budget) -> Post:
    """An embedded object counts from its own owner and origin; anything else is fetched from its id."""
    embedded = activity.object
    if isinstance(embedded, dict) and is_post(embedded):
        post = Post.parse(embedded)
        if post.attributed_to == activity.actor and same_origin(post.id, activity.actor):
            return post
    if isinstance(embedded, dict) and not is_post(embedded):
        raise Malformed("the object is no post")
    if activity.object_id is None:
        raise Malformed("the object has no id")
    if not same_origin(activity.object_id, activity.actor):
        raise Refused("the object belongs to another server than its author")
    post = await fetch_post(node, activity.object_id, budget)
    if post.attributed_to != activity.actor:
        raise Refused("the object is somebody else's")
    return post


async def gather_parents(node: Node, said: Said, budget: Budget) -> Gathered:
    """`said`, and what it answers and is not here, up to what is; each author is met on the way."""
    chain = [said]  # downwards from here on is upwards in the thread
    seen = {said.uri}
    while (wanted := chain[-1].in_reply_to) is not None and wanted not in seen and len(chain) <= CHAIN:
        if await node.storage.read(_is_here, wanted) or authority(wanted) == node.settings.authority:
            break  # what is ours and not there nobody else can tell
        seen.add(wanted)
        try:
            parent = await read_post(await fetch_post(node, wanted, budget))
            if not parent.public or parent.is_vote:
                break
            chain[-1] = replace(chain[-1], in_reply_to=parent.uri)  # some answer the page instead of the post
            if parent.uri in seen - {wanted} or await node.storage.read(_is_here, parent.uri):
                break
            seen.add(parent.uri)
            await fediverse_people.fetch_actor(node, parent.author, budget)
        except Unreachable:
            if not await node.storage.read(_can_be_placed, chain):
                raise  # perhaps later
            break
        except FederationError:
            break
        chain.append(parent)
    return Gathered(chain[0], tuple(reversed(chain[1:])))


# ------------------------------------------------------------------ questions before


def _place_of(work: Work, said: Said) -> Literal["here", "below", "near", "elsewhere"]:
    """Whether it is here, answers what is here, or concerns us otherwise; in one question, for most of them do."""
    if _is_here(work, said.uri):
        return "here"
    if said.in_reply_to is not None and _is_here(work, said.in_reply_to):
        return "below"
    return "near" if _concerns_us(work, said) else "elsewhere"


def _concerns_us(work: Work, said: Said) -> bool:
    """It answers what is here, belongs to a thread of ours, or names one of ours: else we would crawl the world."""
    if said.in_reply_to and _find(work, said.in_reply_to) is not None:
        return True
    if threads.comment_by_uri(work, said.uri) is not None or _thread_of(work, said) is not None:
        return True
    ours = (people.by_uri(work, uri) for uri in said.addressed | said.mentioned if uri.startswith(f"{work.origin}/"))
    return any(actor is not None for actor in ours)


def _can_be_placed(work: Work, chain: list[Said]) -> bool:
    """Without what could not be fetched, there is still a place: a hole, or a thread that a context names."""
    wanted = chain[-1].in_reply_to
    if wanted is not None and threads.comment_by_uri(work, wanted) is not None:
        return True
    return any(_thread_of(work, said) is not None for said in chain)


def _thread_of(work: Work, said: Said) -> Thread | None:
    return threads.by_context(work, said.elsewhere.contexts) if said.elsewhere.contexts else None


def _is_here(work: Work, uri: str) -> bool:
    known = _find(work, uri)
    return known is not None and known.state != "missing"


def _find(work: Work, uri: str) -> Comment | None:
    """The item of an id, of the page of a remote one, or of the address here of one that was said elsewhere."""
    found = threads.comment_by_uri(work, uri)
    if found is None and uri.startswith(f"{work.origin}/"):
        kind, _, uid = uri.removeprefix(f"{work.origin}/").partition("/")
        return threads.comment_by_uid(work, uid) if kind in ("post", "comment") else None
    return found or threads.comment_by_page(work, uri)


# ------------------------------------------------------------------ received


def receive_create(work: Work, activity: Activity, sender: Actor, gathered: Gathered) -> str:
    """A post: a comment where it answers something here, a thread where it mentions a group, else nothing."""
    said = gathered.said
    if said.is_vote:
        return "a vote, and voting is not open"
    if not said.public:
        return _receive_private(work, activity, sender, said)
    known = threads.comment_by_uri(work, said.uri)
    if known is not None and known.state != "missing":
        return f"already here as {known.uid}"
    parent = _parent_of(work, gathered)
    if parent is not None:
        return _receive_reply(work, sender, said, parent)
    if said.in_reply_to is not None:
        if (kept := _receive_followed(work, activity, sender, gathered)) is not None:
            return kept
        raise NotFound("It answers nothing that is here.")
    return _receive_thread(work, activity, sender, gathered)


def receive_update(work: Work, activity: Activity, sender: Actor, gathered: Gathered) -> str:
    """New words for a post of the sender's; one that is not here yet arrives with them."""
    said = gathered.said
    comment = threads.comment_by_uri(work, said.uri)
    if comment is None or comment.state == "missing":
        return receive_create(work, activity, sender, gathered)
    if comment.state in ("deleted", "refused"):
        return f"stays {comment.state}"
    if not said.public:
        raise Refused("what was public cannot be made private by an edit")
    forum_threads.edit_comment(work, sender, comment, said.words, title=said.title, elsewhere=said.elsewhere)
    return f"edited {comment.uid}"


def receive_delete(work: Work, activity: Activity, sender: Actor) -> str:
    """Its author deletes a post; one that has not come yet will never be let in."""
    uris = activity.objects or ((activity.object_id,) if activity.object_id else ())
    if not uris:
        raise Malformed("it deletes nothing in particular")
    if sender.uri in uris:
        forum_people.farewell(work, sender)
        forum_following.forget(work, sender)
        return f"{sender.handle} is gone"
    if not all(same_origin(uri, sender.uri) for uri in uris):
        raise Refused("only its own server deletes a post")
    return ", ".join(_delete(work, uri, sender) for uri in uris)


def _delete(work: Work, uri: str, sender: Actor) -> str:
    comment = threads.comment_by_uri(work, uri)
    if comment is not None and comment.author_id is not None:
        forum_threads.erase_comment(work, sender, comment)
        return f"erased {comment.uid}"
    forgotten = moderation.forget_private(work, sender, uri)
    if forum_following.take_away(work, sender, uri):
        return "taken away from who follows its author"
    if forgotten:
        return "a private message was taken back"
    people.bury(work, uri, sender.uri, "object")  # a hole stays one: whose it is, only its own server can tell
    return "not here; kept out from now on"


def _parent_of(work: Work, gathered: Gathered) -> Comment | None:
    """The item that is answered; what was missing above it is put in place first, or leaves a hole."""
    said = gathered.said
    for above in gathered.parents:
        parent = _direct_parent(work, above)
        author = people.by_uri(work, above.author)
        if parent is None or author is None or threads.comment_by_uri(work, above.uri) is not None:
            continue
        try:
            forum_threads.post_comment(work, author, parent, above.words, elsewhere=above.elsewhere)
        except NotFound:
            forum_threads.leave_hole(work, parent.thread_id, above.uri, parent=parent)
        except Refusal as refusal:
            forum_threads.keep_refused(work, parent, above.uri, author, str(refusal))
    return _direct_parent(work, said)


def _direct_parent(work: Work, said: Said) -> Comment | None:
    thread = _thread_of(work, said)
    if said.in_reply_to is not None:
        parent = _find(work, said.in_reply_to)
        # That a hole is in another thread was somebody's claim; the context is the author's own.
        if parent is not None and (parent.state != "missing" or thread is None or _was_here(work, parent, thread)):
            return parent
    if thread is None:
        return None
    if said.in_reply_to is None:
        return threads.opening(work, thread.id)
    if said.in_reply_to.startswith(f"{work.origin}/"):
        return None  # it answers something of ours that is not there: hidden and absent look alike
    return forum_threads.leave_hole(work, thread.id, said.in_reply_to)


def _was_here(work: Work, hole: Comment, thread: Thread) -> bool:
    """The hole is in the thread, or was before its branch became a thread of its own."""
    return thread.id == hole.thread_id or thread.id in threads.former_threads(work, hole.id)


def _receive_reply(work: Work, sender: Actor, said: Said, parent: Comment) -> str:
    if not threads.thread_is_visible(work, parent.thread_id, sender.id):
        raise NotFound("It answers nothing that is here.")
    try:
        comment = forum_threads.post_comment(work, sender, parent, said.words, elsewhere=said.elsewhere)
    except (NotFound, Invalid):
        raise
    except Refusal as refusal:
        forum_threads.keep_refused(work, parent, said.uri, sender, str(refusal))
        return f"not let in: {refusal}"
    return f"comment {comment.uid}"


def _receive_followed(work: Work, activity: Activity, sender: Actor, gathered: Gathered) -> str | None:
    """What has no place in a thread here is kept for those who follow its author, or the group it came through."""
    edited = activity.type == "Update"
    return following.receive(work, sender, gathered.said, edited=edited, passed_on_by=gathered.passed_on_by)


def _receive_thread(work: Work, activity: Activity, sender: Actor, gathered: Gathered) -> str:
    """A public post that addresses and mentions a group starts a thread there; forum software need not mention."""
    said = gathered.said
    named = said.mentioned if said.is_note or said.title is None else said.addressed
    found = (people.by_uri(work, uri) for uri in sorted(said.addressed & named) if uri.startswith(f"{work.origin}/g/"))
    actor = next((actor for actor in found if actor is not None and actor.kind == "group"), None)
    group = groups.by_id(work, actor.id) if actor is not None else None
    if actor is None or group is None or actor.state != "active" or group.privacy == "secret":
        if (kept := _receive_followed(work, activity, sender, gathered)) is not None:
            return kept
        raise NotFound("It answers nothing here and mentions no group.")
    title = said.title or text.title_of(said.words.html, drop_handle=actor.handle) or f"By {sender.handle}"
    try:
        opening = forum_threads.start_thread(work, sender, group, title, said.words, elsewhere=said.elsewhere)
    except NotFound:
        raise
    except Refusal as refusal:
        if activity.type == "Create":  # once, and not with each edit of it
            telling.tell(work, actor, sender, f"Your post was not taken up as a thread. {refusal}", about=said.uri)
        return f"no thread: {refusal}"
    return f"thread {opening.uid}"


def _receive_private(work: Work, activity: Activity, sender: Actor, said: Said) -> str:
    """Followers-only and direct posts are shown to nobody but the members they are addressed to."""
    if people.is_gone(work, said.uri, sender.uri):
        return "was deleted before it came"
    if activity.type == "Update":
        moderation.reword_private(work, sender, said.uri, said.words.html)
    ours = (people.by_uri(work, uri) for uri in sorted(said.addressed) if uri.startswith(f"{work.origin}/u/"))
    members = [actor.id for actor in ours if actor is not None and actor.kind == "person" and actor.state == "active"]
    told = moderation.tell_privately(work, sender, members, uri=said.uri, html=said.words.html)
    kept = following.receive(work, sender, said, edited=activity.type == "Update")
    if members:
        return f"private, for {told} of ours"
    return kept or "private, for nobody here"


# ------------------------------------------------------------------ holes


async def fetch_missing(node: Node, thread_id: int, *, most: int = 10) -> int:
    """Fetches the holes of a thread, within a budget, and says how many were filled."""
    budget = Budget()
    filled = 0
    for uri in await node.storage.read(threads.holes, thread_id, most):
        try:
            said = await read_post(await fetch_post(node, uri, budget))
            if not said.public:
                continue
            await fediverse_people.fetch_actor(node, said.author, budget)
            gathered = await gather_parents(node, said, budget)
        except Gone:
            await node.storage.write(_close, uri)
            continue
        except FederationError:
            continue  # it stays a hole, and the page says so
        filled += await node.storage.write(_fill, gathered)
    return filled


def _close(work: Work, uri: str) -> None:
    hole = threads.comment_by_uri(work, uri)
    if hole is not None:
        forum_threads.close_hole(work, hole)


def _fill(work: Work, gathered: Gathered) -> int:
    author = people.by_uri(work, gathered.said.author)
    hole = threads.comment_by_uri(work, gathered.said.uri)
    if author is None or hole is None or hole.state != "missing":
        return 0
    parent = _parent_of(work, gathered) or threads.opening(work, hole.thread_id)
    try:
        forum_threads.post_comment(work, author, parent, gathered.said.words, elsewhere=gathered.said.elsewhere)
    except Refusal as refusal:
        hole.state, hole.reason = "refused", str(refusal)
        return 0
    return 1
