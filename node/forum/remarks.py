"""Remarks: what members of ours say and like in threads of other servers."""

from dataclasses import dataclass
from datetime import datetime

from node.forum import rules
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import LikedElsewhere, RemarkEdited, RemarkErased, RemarkMade
from node.forum.text import Words
from storage import followed_posts, people
from storage.schema import Actor, Remark
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Something on another server that is answered or liked from here; its author and group are met already."""

    uri: str
    page: str
    author: str
    group: str | None
    context: str | None
    mentions: tuple[tuple[str, str], ...] = ()  # whom it mentions: they hear of the answer
    in_reply_to: str | None = None
    open: bool = True  # its own document takes answers
    # What it says, for whoever is about to answer it.
    title: str | None = None
    html: str = ""  # safe
    language: str | None = None
    summary: str | None = None
    sensitive: bool = False
    published_at: datetime | None = None

    @property
    def covered(self) -> bool:
        """Its words wait behind a warning."""
        return self.sensitive or self.summary is not None


def answer(work: Work, author: Actor, answered: Elsewhere, words: Words) -> Remark:
    """Answers something on another server in public."""
    rules.must_stand(author)
    must_be_open(work, answered)
    _must_say_something(words)
    to = _met(work, answered.author)
    group = people.by_uri(work, answered.group) if answered.group else None
    uid = work.mint()
    mentions = {to.uri: to.handle} | ({group.uri: group.handle} if group is not None else {}) | dict(answered.mentions)
    mentions |= dict(people.named(work, words.mentions))
    mentions.pop(author.uri, None)
    remark = Remark(
        uid=uid,
        uri=f"{work.origin}/comment/{uid}",
        author_id=author.id,
        in_reply_to=answered.uri,
        answered_page=answered.page,
        answered_id=to.id,
        group_id=group.id if group is not None else None,
        context=answered.context,
        mentions=[list(pair) for pair in mentions.items()],
        published_at=work.now,
        **_in(words),
    )
    work.add(remark)
    work.flush()
    work.happened(RemarkMade(remark, author))
    return remark


def must_be_open(work: Work, answered: Elsewhere) -> None:
    """Refuses an answer in a thread that is locked where it is: its server would throw it away."""
    thread = [uri for uri in (answered.uri, answered.in_reply_to, answered.context) if uri is not None]
    if not answered.open or followed_posts.is_locked(work, thread):
        raise NotAllowed("This thread is locked on its own server: it can be read, but not answered.")


def edit(work: Work, author: Actor, remark: Remark, words: Words) -> None:
    """Replaces the words of a remark; whoever is named in the new ones hears of it as well."""
    rules.must_stand(author)
    _must_be_theirs(author, remark)
    _must_say_something(words)
    named = {uri: handle for uri, handle in people.named(work, words.mentions) if uri != author.uri}
    remark.mentions = [list(pair) for pair in (named | {uri: handle for uri, handle in remark.mentions}).items()]
    for name, value in _in(words).items():
        setattr(remark, name, value)
    remark.edited_at = work.now
    work.flush()
    work.happened(RemarkEdited(remark, author))


def erase(work: Work, author: Actor, remark: Remark) -> None:
    """Its author deletes a remark: the words are gone for good."""
    _must_be_theirs(author, remark)
    work.happened(RemarkErased(remark, author))
    remark.state = "deleted"
    remark.source = remark.html = remark.wire = ""
    remark.tags = []
    people.bury(work, remark.uri, author.uri, "object")


def like(work: Work, actor: Actor, liked: Elsewhere, *, undone: bool = False) -> None:
    """Likes something on another server, or takes that back."""
    rules.must_stand(actor)
    work.happened(LikedElsewhere(actor, liked.uri, _met(work, liked.author), undone))


def _must_say_something(words: Words) -> None:
    if not words.html.strip():
        raise Invalid("There is nothing in it yet: write something.", field="source")


def _in(words: Words) -> dict[str, object]:
    return {
        "source": words.source,
        "html": words.html,
        "wire": words.wire,
        "language": words.language,
        "tags": list(words.hashtags),
    }


def _met(work: Work, uri: str) -> Actor:
    actor = people.by_uri(work, uri)
    if actor is None or actor.state != "active":
        raise NotFound("Whoever wrote that cannot be found.")
    return actor


def _must_be_theirs(author: Actor, remark: Remark) -> None:
    if remark.author_id != author.id:
        raise NotAllowed("Only its author may change this.")
    if remark.state != "visible":
        raise NotFound("It is not here any more.")
