"""What happened, as facts; `node.consequences` says what follows each."""

from dataclasses import dataclass

from storage.schema import Actor, Comment, Follow, Membership, Reaction, Remark, Thread


@dataclass(frozen=True, slots=True)
class ThreadStarted:
    thread: Thread
    opening: Comment
    author: Actor


@dataclass(frozen=True, slots=True)
class CommentPosted:
    """A new item that everybody may see; also one that fills a hole."""

    comment: Comment
    author: Actor


@dataclass(frozen=True, slots=True)
class CommentEdited:
    comment: Comment
    editor: Actor


@dataclass(frozen=True, slots=True)
class CommentErased:
    """Its author deleted it: the words are gone for good."""

    comment: Comment
    author: Actor
    reacted: frozenset[int]  # whoever liked or boosted it may hold a copy
    mentioned: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CommentRemoved:
    """A moderator took it away; it can be restored."""

    comment: Comment
    moderator: Actor | None
    reason: str


@dataclass(frozen=True, slots=True)
class CommentRestored:
    comment: Comment
    moderator: Actor | None


@dataclass(frozen=True, slots=True)
class Reacted:
    comment: Comment
    actor: Actor
    reaction: Reaction


@dataclass(frozen=True, slots=True)
class Unreacted:
    comment: Comment
    actor: Actor
    kind: str
    uri: str | None


@dataclass(frozen=True, slots=True)
class FollowRequested:
    """One of ours wants to follow someone elsewhere."""

    follow: Follow
    follower: Actor
    target: Actor


@dataclass(frozen=True, slots=True)
class FollowAccepted:
    """Someone follows one of ours; said again when they ask again."""

    follow: Follow
    follower: Actor
    target: Actor
    request: str | None  # the id of the Follow that is answered now


@dataclass(frozen=True, slots=True)
class FollowRejected:
    """One of ours does not want this follower (any more)."""

    follower: Actor
    target: Actor
    request: str | None


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """One of ours follows no longer."""

    follower: Actor
    target: Actor
    request: str | None


@dataclass(frozen=True, slots=True)
class ActorChanged:
    """Name, description or settings of one of ours changed."""

    actor: Actor


@dataclass(frozen=True, slots=True)
class ActorErased:
    """One of ours is gone for good."""

    actor: Actor


@dataclass(frozen=True, slots=True)
class Joined:
    membership: Membership
    actor: Actor


@dataclass(frozen=True, slots=True)
class RemarkMade:
    """One of ours answered something on another server."""

    remark: Remark
    author: Actor


@dataclass(frozen=True, slots=True)
class RemarkEdited:
    remark: Remark
    author: Actor


@dataclass(frozen=True, slots=True)
class RemarkErased:
    remark: Remark
    author: Actor


@dataclass(frozen=True, slots=True)
class LikedElsewhere:
    """One of ours likes something on another server, or no longer does."""

    actor: Actor
    uri: str
    author: Actor
    undone: bool
