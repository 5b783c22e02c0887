"""Every table on one page."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Moment(TypeDecorator[datetime]):
    """An aware UTC time; SQLite keeps it without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")
# A path is compared byte by byte on both engines, whatever the database's language.
Path = String(800).with_variant(String(800, collation="C"), "postgresql")


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy reads it from the class
        datetime: Moment,
        str: Text,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


NEVER_REUSED = {"sqlite_autoincrement": True}  # PostgreSQL's sequences never go back by themselves


# ------------------------------------------------------------------ who


class Actor(Table):
    """Whoever can speak: people, groups and the node itself, of this server and of others alike."""

    __tablename__ = "actors"
    __table_args__ = (Index(None, "host"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uri: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]  # person, group, service, organization, application
    local: Mapped[bool]
    host: Mapped[str]  # the authority of the uri, with its port
    name: Mapped[str]  # preferredUsername
    display_name: Mapped[str] = mapped_column(default="")
    summary: Mapped[str] = mapped_column(default="")  # safe HTML
    summary_source: Mapped[str | None]
    url: Mapped[str | None]
    inbox: Mapped[str]
    shared_inbox: Mapped[str | None]
    outbox: Mapped[str | None]
    followers: Mapped[str | None]
    following: Mapped[str | None]
    featured: Mapped[str | None]
    moderators: Mapped[str | None]
    icon_url: Mapped[str | None]
    # the table on a profile: {name, value, verified_at}
    fields: Mapped[list[Any] | None]
    language: Mapped[str | None]
    discoverable: Mapped[bool] = mapped_column(default=True)
    indexable: Mapped[bool] = mapped_column(default=True)
    manually_approves: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="active")  # active, suspended, deleted
    also_known_as: Mapped[list[Any] | None]  # URIs that its document says are the same person
    moved_to: Mapped[str | None]  # the URI that it moved to, once that was proved
    moved_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    refreshed_at: Mapped[datetime | None]  # when a remote document was last read
    version: Mapped[int] = mapped_column(default=1)

    @property
    def handle(self) -> str:
        return f"{self.name}@{self.host}"


class Handle(Table):
    """A name of this node, for groups and people alike; never given again, old ones lead on."""

    __tablename__ = "handles"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    current: Mapped[bool] = mapped_column(default=True)


class Key(Table):
    """A public key of an actor, and for our own the private half, encrypted with the node's secret."""

    __tablename__ = "keys"
    __table_args__ = (Index(None, "actor_id"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    uri: Mapped[str] = mapped_column(unique=True)
    algorithm: Mapped[str]  # rsa; ed25519 has room here
    public_pem: Mapped[str]
    private_sealed: Mapped[bytes | None]
    refreshed_at: Mapped[datetime]


class Group(Table):
    __tablename__ = "groups"
    __table_args__ = (Index(None, "parent_id"), Index(None, "join_token", unique=True))

    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("groups.actor_id"))  # two levels, no more
    privacy: Mapped[str] = mapped_column(default="open")  # open, closed, secret
    who_may_start: Mapped[str] = mapped_column(default="members")  # members, moderators
    outsiders_may_start: Mapped[bool] = mapped_column(default=True)
    outsiders_may_comment: Mapped[bool] = mapped_column(default=True)
    comments: Mapped[str] = mapped_column(default="quiet")  # to followers: quiet, boosted, none
    language: Mapped[str] = mapped_column(default="en")
    hue: Mapped[int] = mapped_column(default=200)
    threads: Mapped[str] = mapped_column(default="either", server_default="either")  # may be: public, private, either
    slow_mode: Mapped[int] = mapped_column(default=0, server_default="0")  # seconds between two comments of one member
    listed: Mapped[bool] = mapped_column(default=True, server_default=true())  # in the directory
    join_token: Mapped[str | None] = mapped_column(String(64))  # of the link that lets people in
    join_prompt: Mapped[str] = mapped_column(default="", server_default=text("''"))  # of whoever asks to join
    archived_at: Mapped[datetime | None]


class Membership(Table):
    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("group_id", "actor_id"), Index(None, "actor_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    role: Mapped[str] = mapped_column(default="member")  # admin, moderator, member, guest, banned
    title: Mapped[str | None]
    inviter_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))
    joined_at: Mapped[datetime]


class Guest(Table):
    """Someone in a single thread of a group that they are not in."""

    __tablename__ = "guests"
    __table_args__ = (Index(None, "actor_id"),)

    thread_id: Mapped[int] = mapped_column(ForeignKey("threads.id"), primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    inviter_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))
    joined_at: Mapped[datetime]


class Invitation(Table):
    """A way into a group, or into one thread of it, for one person: by e-mail or by a handle elsewhere."""

    __tablename__ = "invitations"
    __table_args__ = (Index(None, "group_id"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    thread_id: Mapped[int | None] = mapped_column(ForeignKey("threads.id"))  # as a guest of this thread alone
    email: Mapped[str | None]
    invited_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # someone known, here or elsewhere
    inviter_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))
    role: Mapped[str] = mapped_column(default="member")
    words: Mapped[str] = mapped_column(default="")
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # who used it
    revoked_at: Mapped[datetime | None]


class JoinRequest(Table):
    """Someone asks to be let into a group."""

    __tablename__ = "join_requests"
    __table_args__ = (UniqueConstraint("group_id", "actor_id"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    words: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="waiting")  # waiting, approved, ignored
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))


class Follow(Table):
    __tablename__ = "follows"
    __table_args__ = (UniqueConstraint("follower_id", "target_id"), Index(None, "target_id", "state"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    follower_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    target_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    uri: Mapped[str | None]  # the Follow's own id
    state: Mapped[str]  # pending, accepted, rejected
    created_at: Mapped[datetime]


# ------------------------------------------------------------------ signing in


class Account(Table):
    """What lets one of ours sign in; the console makes people without one."""

    __tablename__ = "accounts"

    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    email: Mapped[str | None] = mapped_column(unique=True)  # folded; verified, since there is no account before that
    password_hash: Mapped[str | None]  # argon2id
    admin: Mapped[bool] = mapped_column(default=False)  # of the node
    zone: Mapped[str | None]  # IANA name, such as Europe/Lisbon
    keys_off: Mapped[bool] = mapped_column(default=False)  # keyboard keys of pages
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_last: Mapped[int | None] = mapped_column(Id)  # the latest step that was used
    deactivated_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]


class SignUp(Table):
    """Someone who wants an account: their address is proved first, and in approval mode an admin says yes."""

    __tablename__ = "sign_ups"
    __table_args__ = (Index(None, "email"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    display_name: Mapped[str]
    email: Mapped[str]
    password_hash: Mapped[str | None]
    words: Mapped[str] = mapped_column(default="")
    language: Mapped[str | None]
    zone: Mapped[str | None]
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitations.id"))
    join_group_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # whose join link led here
    created_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))
    reason: Mapped[str | None]  # of a no
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # what came of it


class Token(Table):
    """A secret that was sent to somebody: it works once, for one thing, for a while; only its hash is kept."""

    __tablename__ = "tokens"
    __table_args__ = (Index(None, "actor_id"), Index(None, "expires_at"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(40))  # first, sign_in, reset, sign_up, new_email, passkey, second
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    code_hash: Mapped[str | None] = mapped_column(String(64))  # of the six digits that do the same
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))
    sign_up_id: Mapped[int | None] = mapped_column(ForeignKey("sign_ups.id"))
    email: Mapped[str | None]
    bound_to: Mapped[str | None]  # the browser that asked, for codes and passkeys
    more: Mapped[dict[str, Any] | None]
    failures: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignedIn(Table):
    """A browser in which someone is signed in; the row goes when they sign out, or are signed out."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "actor_id"), Index(None, "expires_at"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    proved_at: Mapped[datetime]  # when password, code or passkey was last given
    address: Mapped[str] = mapped_column(default="")  # as far as its network, never whole
    browser: Mapped[str] = mapped_column(default="")


class RecoveryCode(Table):
    """What lets someone in who lost their second factor, once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index(None, "actor_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None]


class Passkey(Table):
    """A WebAuthn credential."""

    __tablename__ = "passkeys"
    __table_args__ = (Index(None, "actor_id"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    credential: Mapped[str] = mapped_column(unique=True)  # base64url
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(Id)
    transports: Mapped[list[Any]] = mapped_column(default=list)
    name: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Tally(Table):
    """How often something was tried in a while, such as a password from one network."""

    __tablename__ = "tallies"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    count: Mapped[int]
    until: Mapped[datetime]


class Mail(Table):
    """An e-mail on its way; its words are erased once it is sent, for they may hold a secret."""

    __tablename__ = "mails"
    __table_args__ = (Index(None, "parked_at", "sent_at", "next_try_at"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uid: Mapped[str] = mapped_column(String(32), unique=True)  # the left part of its Message-ID
    kind: Mapped[str] = mapped_column(String(40))
    to_address: Mapped[str]
    to_name: Mapped[str] = mapped_column(default="")
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # to whom of ours
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    headers: Mapped[dict[str, Any] | None]  # beside the usual ones
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    parked_at: Mapped[datetime | None]  # given up: it needs an admin


# ------------------------------------------------------------------ what is said


class Thread(Table):
    __tablename__ = "threads"
    __table_args__ = (Index(None, "group_id", "last_activity_at"), Index(None, "last_activity_at", "id"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uid: Mapped[str] = mapped_column(String(32), unique=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    title: Mapped[str]
    slug: Mapped[str]
    context: Mapped[str]  # what our items carry as context and conversation
    private: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str | None]
    tags: Mapped[list[Any]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(default="visible")  # visible, removed, deleted
    announced: Mapped[bool] = mapped_column(default=True)  # imported threads never were
    whiteboard: Mapped[bool] = mapped_column(default=False, server_default=false())  # members may edit the opening
    locked_at: Mapped[datetime | None]
    pinned_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    last_activity_at: Mapped[datetime]
    next_number: Mapped[int] = mapped_column(default=0)
    comments_count: Mapped[int] = mapped_column(default=0)
    seen_count: Mapped[int] = mapped_column(default=0)  # readers, as an import told
    version: Mapped[int] = mapped_column(default=1)


class Context(Table):
    """Every context and conversation seen on an item of a thread."""

    __tablename__ = "contexts"

    uri: Mapped[str] = mapped_column(primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("threads.id"))


class Comment(Table):
    """One item of a thread; the opening is number 0; a missing one has a uri and no author."""

    __tablename__ = "comments"
    __table_args__ = (
        UniqueConstraint("thread_id", "number"),
        UniqueConstraint("thread_id", "path"),
        Index(None, "parent_id"),
        Index(None, "author_id", "id"),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uid: Mapped[str] = mapped_column(String(32), unique=True)
    uri: Mapped[str] = mapped_column(unique=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("threads.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))
    number: Mapped[int]
    path: Mapped[str] = mapped_column(Path)
    depth: Mapped[int]
    kind: Mapped[str] = mapped_column(default="note")  # note, question
    # visible, removed, deleted, missing, refused, or moved: its place in a thread that it was split from
    state: Mapped[str] = mapped_column(default="visible")
    moved_to_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id"))
    reason: Mapped[str | None]  # why it is not visible
    source: Mapped[str] = mapped_column(default="")
    source_type: Mapped[str] = mapped_column(default="text/markdown")
    html: Mapped[str] = mapped_column(default="")  # for pages
    wire: Mapped[str] = mapped_column(default="")  # for other servers
    language: Mapped[str | None]
    summary: Mapped[str | None]  # a content warning from elsewhere
    sensitive: Mapped[bool] = mapped_column(default=False)
    mentions: Mapped[list[Any]] = mapped_column(default=list)  # [uri, handle]
    tags: Mapped[list[Any]] = mapped_column(default=list)
    attachments: Mapped[list[Any]] = mapped_column(default=list)  # {kind, url, media_type, alt}
    question: Mapped[dict[str, Any] | None]  # {options, multiple, end_time, closed}
    page_url: Mapped[str | None]  # where a remote item lives
    boosted_as: Mapped[str | None]  # the group's Announce of it, for Undo
    published_at: Mapped[datetime]
    arrived_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    replies_count: Mapped[int] = mapped_column(default=0)
    likes_count: Mapped[int] = mapped_column(default=0)
    boosts_count: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)


class Tagging(Table):
    """A hashtag that an item carries, folded."""

    __tablename__ = "taggings"
    __table_args__ = (Index(None, "comment_id"),)

    tag: Mapped[str] = mapped_column(primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id"), primary_key=True)


class Remark(Table):
    """What a member of ours says in a thread of another server: a Note of theirs, in no thread here."""

    __tablename__ = "remarks"
    __table_args__ = (Index(None, "author_id", "id"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uid: Mapped[str] = mapped_column(String(32), unique=True)
    uri: Mapped[str] = mapped_column(unique=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    in_reply_to: Mapped[str]
    answered_page: Mapped[str]
    answered_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))  # who is answered
    group_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # the group elsewhere that it is said in
    context: Mapped[str | None]
    mentions: Mapped[list[Any]] = mapped_column(default=list)
    tags: Mapped[list[Any]] = mapped_column(default=list)
    source: Mapped[str]
    html: Mapped[str]
    wire: Mapped[str]
    language: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="visible")  # visible, deleted
    published_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]


class Revision(Table):
    """An earlier wording of an item, with when it was replaced."""

    __tablename__ = "revisions"
    __table_args__ = (Index(None, "comment_id", "id"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id"))
    editor_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # who replaced it
    note: Mapped[str] = mapped_column(default="", server_default=text("''"))  # what they say that they changed
    title: Mapped[str | None]
    source: Mapped[str]
    html: Mapped[str]
    replaced_at: Mapped[datetime]


class Reaction(Table):
    __tablename__ = "reactions"
    __table_args__ = (UniqueConstraint("comment_id", "actor_id", "kind"), Index(None, "uri"), Index(None, "actor_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    kind: Mapped[str] = mapped_column(String(80))  # like, dislike, boost, or an emoji
    uri: Mapped[str | None]
    created_at: Mapped[datetime]


class Moved(Table):
    """A number of a thread whose item was split off into another one."""

    __tablename__ = "moved"

    thread_id: Mapped[int] = mapped_column(ForeignKey("threads.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id"))


class Reading(Table):
    """What a reader has seen of a thread, as ranges of numbers such as `0-7,9-12`."""

    __tablename__ = "readings"
    __table_args__ = (Index(None, "thread_id", "first_at"),)

    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("threads.id"), primary_key=True)
    ranges: Mapped[str] = mapped_column(default="")
    first_at: Mapped[datetime]
    latest_at: Mapped[datetime]
    dismissed: Mapped[int | None]  # out of the inbox until there is something beyond this number


class Draft(Table):
    """What a member began to write in a place, kept until it is posted or thrown away."""

    __tablename__ = "drafts"

    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    place: Mapped[str] = mapped_column(String(120), primary_key=True)  # reply:UID, edit:UID, thread:GROUP
    words: Mapped[dict[str, Any]]  # the fields of the form
    updated_at: Mapped[datetime]


class Bookmark(Table):
    __tablename__ = "bookmarks"
    __table_args__ = (Index(None, "comment_id"),)

    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id"), primary_key=True)
    created_at: Mapped[datetime]


class Submission(Table):
    """A form that was sent: sent again, it leads to what came of it the first time."""

    __tablename__ = "submissions"
    __table_args__ = (Index(None, "sent_at"),)

    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    led_to: Mapped[str]
    sent_at: Mapped[datetime]


class FollowedPost(Table):
    """What someone whom our people follow published elsewhere: read in a list, never a comment."""

    __tablename__ = "followed_posts"
    __table_args__ = (
        Index(None, "author_id", "id"),
        Index(None, "passed_on_id", "id"),
        Index(None, "arrived_at"),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uri: Mapped[str] = mapped_column(unique=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    passed_on_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # the group that announced it
    in_reply_to: Mapped[str | None]
    title: Mapped[str | None]
    html: Mapped[str]
    language: Mapped[str | None]
    summary: Mapped[str | None]
    sensitive: Mapped[bool] = mapped_column(default=False)
    attachments: Mapped[list[Any]] = mapped_column(default=list)
    page_url: Mapped[str | None]
    public: Mapped[bool] = mapped_column(default=True)  # else for the followers of its author
    published_at: Mapped[datetime]
    arrived_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    pinned_at: Mapped[datetime | None]  # when the group that passed it on put it first
    locked_at: Mapped[datetime | None]  # when that group closed it to answers


class Notice(Table):
    """Something said to one member alone."""

    __tablename__ = "notices"
    __table_args__ = (UniqueConstraint("actor_id", "kind", "uri"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    kind: Mapped[str] = mapped_column(String(40))  # private_reply, mention, reply
    uri: Mapped[str]
    from_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id"))
    html: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class Tombstone(Table):
    """What was deleted or undone, even before it arrived; it never comes back."""

    __tablename__ = "tombstones"

    uri: Mapped[str] = mapped_column(primary_key=True)
    actor_uri: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]  # object, actor, activity
    gone_at: Mapped[datetime]


class Alias(Table):
    """An address that once was ours elsewhere, such as a Loomio key, and where it leads."""

    __tablename__ = "aliases"
    __table_args__ = (UniqueConstraint("kind", "key"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))  # loomio:d, loomio:g, loomio:c, loomio:u
    key: Mapped[str] = mapped_column(String(200))
    thread_id: Mapped[int | None] = mapped_column(ForeignKey("threads.id"))
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id"))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))


class ImportedRecord(Table):
    """A record of an import: what became of it, or its raw line where we do not understand it yet."""

    __tablename__ = "imported_records"
    __table_args__ = (UniqueConstraint("source", "table_name", "key"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    source: Mapped[str] = mapped_column(String(40))
    table_name: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(120))
    local_id: Mapped[int | None] = mapped_column(Id)
    raw: Mapped[str | None]


# ------------------------------------------------------------------ moderation


class Report(Table):
    __tablename__ = "reports"
    __table_args__ = (UniqueConstraint("uri"), Index(None, "group_id", "resolved_at"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uri: Mapped[str | None]
    reporter_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    objects: Mapped[list[Any]]
    # why, in one word: spam, abuse, rules, other; none from other servers
    category: Mapped[str] = mapped_column(String(20), default="", server_default=text("''"))
    words: Mapped[str] = mapped_column(default="")
    group_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # whose moderators it is for; none: admins
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id"))
    about_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # the person it is about
    created_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))
    resolution: Mapped[str] = mapped_column(default="", server_default=text("''"))


class Block(Table):
    """An actor, here or elsewhere, who wants nothing of another one; at least one of the two is ours."""

    __tablename__ = "blocks"
    __table_args__ = (UniqueConstraint("actor_id", "target_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    target_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    uri: Mapped[str | None]
    created_at: Mapped[datetime]


class Act(Table):
    """A moderator's act, with its reason."""

    __tablename__ = "acts"
    __table_args__ = (Index(None, "group_id", "id"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # none: at the console
    group_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"))  # in which it was done; none: the node
    verb: Mapped[str]
    about: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    done_at: Mapped[datetime]


# ------------------------------------------------------------------ the wire


class Host(Table):
    """Another server, by its authority: what it runs, how it is, and who delivers to it now."""

    __tablename__ = "hosts"

    host: Mapped[str] = mapped_column(String(300), primary_key=True)
    software: Mapped[str | None]
    software_version: Mapped[str | None]
    asked_at: Mapped[datetime | None]  # when its NodeInfo was last asked for
    dialect: Mapped[str] = mapped_column(default="microblog")  # microblog, forum, discourse
    dialect_set_by_admin: Mapped[bool] = mapped_column(default=False)
    signature: Mapped[str] = mapped_column(default="cavage")  # or rfc9421, once that succeeded
    state: Mapped[str] = mapped_column(default="live")  # live, dead
    blocked_at: Mapped[datetime | None]  # suspended: nothing comes, nothing goes
    blocked_why: Mapped[str | None]
    silenced_at: Mapped[datetime | None]  # heard, and not pushed at anybody who did not ask
    silenced_why: Mapped[str | None]
    # The admin's word against every list; the way in where only allowed ones are let in.
    allowed_at: Mapped[datetime | None]
    # What follows from all words and lists, by this name and those above it: silence, suspend (storage/limits.py).
    limit: Mapped[str | None] = mapped_column(String(20))
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    failing_since: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    last_inbound_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class BlockList(Table):
    """A list of hosts that somebody keeps, from a file or from an address that is read again each day."""

    __tablename__ = "block_lists"
    __table_args__ = (NEVER_REUSED,)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    url: Mapped[str | None]
    limit: Mapped[str] = mapped_column(String(20), default="as listed")  # as listed, suspend, silence: what it may do
    etag: Mapped[str | None]
    added_at: Mapped[datetime]
    read_at: Mapped[datetime | None]  # when it was last understood
    tried_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class BlockListEntry(Table):
    """A host on a list; it counts while no admin said otherwise of it."""

    __tablename__ = "block_list_entries"
    __table_args__ = (Index(None, "host"),)

    list_id: Mapped[int] = mapped_column(ForeignKey("block_lists.id"), primary_key=True)
    host: Mapped[str] = mapped_column(String(300), primary_key=True)
    limit: Mapped[str] = mapped_column(String(20))  # suspend, silence
    why: Mapped[str] = mapped_column(default="")


class HostHour(Table):
    """What went to a host and came from it within an hour, for the admin's pictures."""

    __tablename__ = "host_hours"
    __table_args__ = (Index(None, "hour"),)

    host: Mapped[str] = mapped_column(String(300), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)  # its beginning
    delivered: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)  # tries that came to nothing
    given_up: Mapped[int] = mapped_column(default=0)  # refused for good, dropped, too old, blocked
    took_ms: Mapped[int] = mapped_column(Id, default=0)  # all tries together
    slowest_ms: Mapped[int] = mapped_column(default=0)
    received: Mapped[int] = mapped_column(default=0)  # letters


class Reach(Table):
    """An inbox elsewhere that may hold something of an actor of ours; a Delete goes there too."""

    __tablename__ = "reach"
    __table_args__ = (Index(None, "host"),)

    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    inbox: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]


class Activity(Table):
    """What we say, once, in at most two wordings."""

    __tablename__ = "activities"
    __table_args__ = (Index(None, "about"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uri: Mapped[str] = mapped_column(unique=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    type: Mapped[str]
    about: Mapped[str]  # the object: deliveries about it keep their order
    public: Mapped[bool]
    always: Mapped[bool] = mapped_column(default=False)  # Delete, Undo, Accept, Reject go whatever is visible now
    microblog: Mapped[bytes | None] = mapped_column(LargeBinary)
    forum: Mapped[bytes | None] = mapped_column(LargeBinary)
    owed: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # inboxes; the rest is still on its way
    delivered: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    given_up: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[datetime]


class Delivery(Table):
    """One activity owed to one inbox; the row goes when it is there, or refused for good."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("activity_id", "inbox"),
        Index(None, "host", "parked_at", "id"),
        Index(None, "inbox", "about", "id"),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id"))
    signer_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))  # the group, where it relays another's words
    host: Mapped[str]
    inbox: Mapped[str]
    about: Mapped[str]
    dialect: Mapped[str]  # which wording: microblog, forum
    attempts: Mapped[int] = mapped_column(default=0)
    refusals: Mapped[int] = mapped_column(default=0)  # 401 and 403, which are not for ever at first
    first_tried_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    parked_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class GivenUp(Table):
    """A delivery that did not arrive and is not tried any more, with the reason: nothing owed goes without a trace."""

    __tablename__ = "given_up"
    __table_args__ = (Index(None, "host", "id"), Index(None, "activity_id"), Index(None, "at"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id"))
    signer_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    host: Mapped[str] = mapped_column(String(300))
    inbox: Mapped[str]
    dialect: Mapped[str]
    fate: Mapped[str] = mapped_column(String(20))  # see storage/ledger.py
    why: Mapped[str]
    attempts: Mapped[int]
    owed_at: Mapped[datetime]
    at: Mapped[datetime]


class Letter(Table):
    """A verified POST to an inbox, kept before it is answered; unique by signer and body."""

    __tablename__ = "letters"
    __table_args__ = (
        UniqueConstraint("signer", "digest"),
        Index(None, "state", "host", "id"),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    signer: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str]
    host: Mapped[str]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)  # erased some time after it was read
    state: Mapped[str] = mapped_column(default="waiting")  # waiting, done, parked
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    outcome: Mapped[str | None]  # one line for the admin
    received_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class FetchFailure(Table):
    """An address that failed, not to be asked again for a while, restarts or not."""

    __tablename__ = "fetch_failures"

    url: Mapped[str] = mapped_column(primary_key=True)
    why: Mapped[str]
    until: Mapped[datetime]


class Fact(Table):
    """A fact about the node itself, such as its origin."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str]


Index(
    "ix_deliveries_suspect",
    Delivery.host,
    Delivery.id,
    sqlite_where=text("attempts >= 3"),
    postgresql_where=text("attempts >= 3"),
)

Index(
    "ix_letters_being_read",
    Letter.lease_owner,
    sqlite_where=text("lease_owner IS NOT NULL"),
    postgresql_where=text("lease_owner IS NOT NULL"),
)

# Few answer the page of a post instead of the post; without it each reply would have every item looked at.
Index(
    "ix_comments_page_url",
    Comment.page_url,
    sqlite_where=text("page_url IS NOT NULL"),
    postgresql_where=text("page_url IS NOT NULL"),
)
