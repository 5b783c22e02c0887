"""What happened, as facts; `node.consequences` says what follows each."""

from dataclasses import dataclass

from storage.schema import (
    Actor,
    Comment,
    Follow,
    Invitation,
    JoinRequest,
    Membership,
    Reaction,
    Remark,
    Report,
    SignUp,
    Thread,
)


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
class ThreadLocked:
    """A thread was closed to answers, or is open to them again."""

    thread: Thread
    opening: Comment
    moderator: Actor | None
    reason: str
    locked: bool


@dataclass(frozen=True, slots=True)
class ThreadPinned:
    """A thread stands first in its group, or no longer does."""

    thread: Thread
    opening: Comment
    moderator: Actor | None
    pinned: bool


@dataclass(frozen=True, slots=True)
class ThreadTagged:
    """A thread carries other tags; its words are the same."""

    thread: Thread
    opening: Comment


@dataclass(frozen=True, slots=True)
class OpeningShared:
    """Members may edit the opening of a thread from now on, or no longer."""

    thread: Thread
    opening: Comment


@dataclass(frozen=True, slots=True)
class ThreadWithdrawn:
    """What was public in a thread of the group is for members alone from now on; or more of it is taken back."""

    thread: Thread
    group: Actor  # in which it was public
    after: int = 0  # the id of the item behind which it goes on


@dataclass(frozen=True, slots=True)
class ThreadMoved:
    """A thread is in another group now, and as public as before."""

    thread: Thread
    opening: Comment
    origin: Actor
    moderator: Actor | None


@dataclass(frozen=True, slots=True)
class BranchSplit:
    """Items of a thread hang in one of their own now; its opening was announced by itself."""

    origin: Thread
    thread: Thread
    opening: Comment
    moved: tuple[int, ...]  # ids, that of the first item of the branch before the others
    moderator: Actor


@dataclass(frozen=True, slots=True)
class Reported:
    """Someone told the moderators of something; `forward`: its own server is to be told as well."""

    report: Report
    forward: bool


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
class ActorMoved:
    """One of ours goes to another account, which says that it is the same."""

    actor: Actor
    target: Actor


@dataclass(frozen=True, slots=True)
class ActorErased:
    """One of ours is gone for good."""

    actor: Actor


@dataclass(frozen=True, slots=True)
class Joined:
    membership: Membership
    actor: Actor


@dataclass(frozen=True, slots=True)
class MembershipEnded:
    """Someone left a group, was removed from it or banned: they see no more of it than anybody."""

    group_id: int
    actor: Actor


@dataclass(frozen=True, slots=True)
class Invited:
    """Someone was invited, by e-mail or by their handle; the secret is for them alone."""

    invitation: Invitation
    secret: str
    inviter: Actor | None


@dataclass(frozen=True, slots=True)
class JoinAsked:
    """Someone wants to be let in, and moderators have to say yes or no."""

    request: JoinRequest
    actor: Actor
    group: Actor


@dataclass(frozen=True, slots=True)
class JoinApproved:
    """A moderator let someone in who had asked."""

    request: JoinRequest
    actor: Actor
    group: Actor


@dataclass(frozen=True, slots=True)
class GroupHidden:
    """A public group is secret from now on: whoever elsewhere holds a copy is told that it is gone."""

    group: Actor


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


@dataclass(frozen=True, slots=True)
class MailQueued:
    """A mail waits to be sent."""


# ------------------------------------------------------------------ people at the door


@dataclass(frozen=True, slots=True)
class AccountMade:
    """Someone may sign in from now on; the link lets them choose a password."""

    actor: Actor
    email: str
    secret: str


@dataclass(frozen=True, slots=True)
class SignInAsked:
    """Somebody wants to be let in with a link, or with the six digits that do the same in their browser."""

    actor: Actor
    email: str
    secret: str
    code: str


@dataclass(frozen=True, slots=True)
class ResetAsked:
    """Somebody does not know their password any more."""

    actor: Actor
    email: str
    secret: str


@dataclass(frozen=True, slots=True)
class SignUpAsked:
    """Somebody wants an account, and has to prove their address first."""

    sign_up: SignUp
    secret: str
    code: str


@dataclass(frozen=True, slots=True)
class SignUpKnown:
    """Somebody wants an account with an address that has one, or that waits for one."""

    email: str
    actor: Actor | None


@dataclass(frozen=True, slots=True)
class SignUpWaits:
    """Somebody proved their address, and an admin has to say yes or no."""

    sign_up: SignUp


@dataclass(frozen=True, slots=True)
class SignUpApproved:
    sign_up: SignUp
    actor: Actor


@dataclass(frozen=True, slots=True)
class SignUpRefused:
    sign_up: SignUp


@dataclass(frozen=True, slots=True)
class EmailAsked:
    """Someone wants another address, and has to prove it."""

    actor: Actor
    email: str
    secret: str


@dataclass(frozen=True, slots=True)
class EmailChanged:
    actor: Actor
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    actor: Actor
    email: str | None


@dataclass(frozen=True, slots=True)
class SecondFactorChanged:
    """An authenticator app or a passkey was added or taken away, or recovery codes were made anew."""

    actor: Actor
    email: str | None
    what: str  # app, passkey, codes
    added: bool


@dataclass(frozen=True, slots=True)
class ActorBlocked:
    """Somebody of ours wants nothing more of an actor, or takes that back."""

    uri: str  # of the block
    actor: Actor
    target: Actor
    undone: bool = False


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """Browsers are signed out from here on, and what they listen to ends."""

    actor_id: int
    session_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AccountErased:
    """Someone left for good; the last that is written to them."""

    name: str
    display_name: str
    email: str
    language: str | None
    zone: str | None
