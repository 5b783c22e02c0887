"""Our threads, comments and polls as documents, in both dialects of one id.

What Mastodon and GoToSocial read is a Note with the title in its text: Mastodon throws away the body of an Article,
GoToSocial shows a name or a summary as a content warning. Forum software reads an Article with a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, NamedTuple

from federation import collections
from federation.actors import Picture
from federation.documents import FORUM_CONTEXT, MICROBLOG_CONTEXT, PUBLIC, Document, moment

LONGEST_EXCERPT = 300  # Friendica and Pleroma show a summary as a subject line: one short paragraph
MOST_PARTICIPANTS = 50  # in `cc`: they make their servers keep the comment, and each costs a delivery

# The names under which Lemmy lists them; an identifier that it does not know becomes "undetermined" whatever the name.
_LANGUAGES = {
    "ar": "العربية",
    "ca": "Català",
    "cs": "Čeština",
    "da": "Dansk",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "en": "English",
    "eo": "Esperanto",
    "es": "Español",
    "eu": "Euskara",
    "fi": "Suomi",
    "fr": "Français",
    "hu": "Magyar",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "nl": "Nederlands",
    "no": "Norsk",
    "pl": "Polski",
    "pt": "Português",
    "ro": "Română",
    "ru": "Русский",
    "sv": "Svenska",
    "tr": "Türkçe",
    "uk": "Українська",
    "zh": "中文",
}


class OutAttachment(NamedTuple):
    """`kind` is Link, Image or Document: any other fails the whole object at Lemmy."""

    kind: str
    url: str
    media_type: str | None = None
    alt: str | None = None


@dataclass(frozen=True)
class OutQuestion:
    """A poll or proposal that is voted on; options keep their names and order for ever: votes come by name."""

    options: tuple[tuple[str, int], ...]
    end_time: datetime  # always: votes on polls without one were broken until Mastodon 4.6.4
    multiple: bool = False
    closed: datetime | None = None
    voters: int = 0


@dataclass(frozen=True, kw_only=True)
class OutPost:
    """Everything that a document of ours says, as values; a thread has a title, a comment answers something."""

    id: str
    author: str
    author_followers: str
    group: str
    group_handle: str  # garden@moot.example
    url: str
    context: str
    html: str  # as the fediverse may see it, without the title
    source: str
    published: datetime
    title: str | None = None
    in_reply_to: str | None = None
    excerpt: str = ""  # plain text
    source_type: str = "text/markdown"
    language: str | None = None
    to: tuple[str, ...] = ()  # beside the group and the public
    cc: tuple[str, ...] = ()  # the parent's author and participants, beside the author's followers
    mentions: tuple[tuple[str, str], ...] = ()  # uri and handle, of the parent's author first; the group is added
    hashtags: tuple[tuple[str, str], ...] = ()  # name without #, and its page
    updated: datetime | None = None  # None until edited, then always given: without it Mastodon ignores Updates
    replies: tuple[str, ...] = ()
    replies_total: int | None = None
    likes: int = 0
    shares: int = 0
    attachments: tuple[OutAttachment, ...] = ()
    image: Picture | None = None
    sensitive: bool = False
    locked: bool = False
    pinned: bool = False
    distinguished: bool = False
    question: OutQuestion | None = None


def note(post: OutPost) -> Document:
    """The microblog dialect: a Note, or a Question, that says its title as its first line and has no name."""
    content = (f"<p><strong>{escape(post.title)}</strong></p>" if post.title else "") + post.html
    document: Document = {"@context": MICROBLOG_CONTEXT} | _object(
        "Question" if post.question else "Note", post, content
    )
    if post.question:
        document |= _question(post.question)
    return document


def article(post: OutPost) -> Document:
    """The forum dialect: an Article with a name, or for a comment a Note without one.

    A poll is told in words with the way to it: Lemmy fails on a Question, and Mbin makes no thread of one.
    """
    content = post.html + (_poll_in_words(post.question, post.url) if post.question else "")
    document: Document = {"@context": FORUM_CONTEXT} | _object("Article" if post.title else "Note", post, content)
    if post.language:
        name = _LANGUAGES.get(post.language.partition("-")[0], post.language)
        document["language"] = {"identifier": post.language, "name": name}
    if not post.title:
        return document | {"distinguished": post.distinguished}
    document |= {"name": post.title, "commentsEnabled": not post.locked, "stickied": post.pinned}
    preview = document["content"]
    if post.excerpt:
        # Only threads have a summary: on a Note it would be a content warning.
        document["summary"] = preview = f"<p>{escape(_cut(post.excerpt, LONGEST_EXCERPT))}</p>"
    document["preview"] = {
        "type": "Note",
        "attributedTo": post.author,
        "content": preview,
        "published": document["published"],
    }
    if post.image:
        document["image"] = {"type": "Image", "url": post.image.url, "mediaType": post.image.media_type}
    return document


DIALECTS: dict[str, Callable[[OutPost], Document]] = {"microblog": note, "forum": article}


def addressed_to(post: OutPost) -> tuple[list[str], list[str]]:
    """`to` and `cc` of a post and of every activity about it; the group first, where Lemmy looks for a community."""
    to = list(dict.fromkeys((post.group, PUBLIC, *post.to)))
    cc = dict.fromkeys((post.author_followers, *post.cc))
    return to, [uri for uri in cc if uri not in to]


def tombstone(
    id: str, *, former_type: str, deleted: datetime, context: str | None = None, audience: str | None = None
) -> Document:
    """What stands at a deleted id, for ever; nothing of the author's is left in it."""
    document: Document = {
        "@context": FORUM_CONTEXT,
        "id": id,
        "type": "Tombstone",
        "formerType": former_type,
        "deleted": moment(deleted),
    }
    return document | {key: value for key, value in (("context", context), ("audience", audience)) if value}


def _object(kind: str, post: OutPost, content: str) -> Document:
    to, cc = addressed_to(post)
    document: Document = {
        "id": post.id,
        "type": kind,
        "attributedTo": post.author,
        "to": to,
        "cc": cc,
        "audience": post.group,
        "content": content,
        "mediaType": "text/html",
        "source": {"content": post.source, "mediaType": post.source_type},
        "url": post.url,
        "published": moment(post.published),
        "context": post.context,
        "conversation": post.context,  # Mastodon gives it back in every reply
        "tag": list(_tags(post)),
        "attachment": [_attachment(attachment) for attachment in post.attachments],
        "sensitive": post.sensitive,
        "replies": collections.replies(post.id, post.replies, post.replies_total),
        "likes": collections.count(f"{post.id}/likes", post.likes),
        "shares": collections.count(f"{post.id}/shares", post.shares),
        # Without a policy Mastodon lets nobody quote.
        "interactionPolicy": {"canQuote": {"automaticApproval": [PUBLIC]}},
    }
    # What is not known is left out: Mbin and PieFed ask whether a key is there, not what it holds.
    if post.in_reply_to is not None:
        document["inReplyTo"] = post.in_reply_to
    if post.updated is not None:
        document["updated"] = moment(post.updated)
    if post.language:
        document["contentMap"] = {post.language: content}
    return document


def _tags(post: OutPost) -> Iterable[Document]:
    # Mastodon copies mentions into replies: so the group hears of replies to replies.
    mentioned = dict(((post.group, post.group_handle), *post.mentions))
    for uri, handle in mentioned.items():
        yield {"type": "Mention", "href": uri, "name": "@" + handle.removeprefix("@")}
    for name, page in post.hashtags:
        yield {"type": "Hashtag", "href": page, "name": "#" + name.removeprefix("#")}


def _attachment(attachment: OutAttachment) -> Document:
    document: Document = {"type": attachment.kind}
    document["href" if attachment.kind == "Link" else "url"] = attachment.url
    if attachment.media_type:
        document["mediaType"] = attachment.media_type
    if attachment.alt and attachment.kind != "Link":
        document["name"] = attachment.alt
    return document


def _question(question: OutQuestion) -> Document:
    options: list[Any] = [
        {"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": votes}}
        for name, votes in question.options
    ]
    document: Document = {
        "anyOf" if question.multiple else "oneOf": options,
        "endTime": moment(question.end_time),
        "votersCount": question.voters,
    }
    if question.closed is not None:
        document["closed"] = moment(question.closed)
    return document


def _poll_in_words(question: OutQuestion, page: str) -> str:
    options = "".join(f"<li>{escape(name)}</li>" for name, _ in question.options)
    return f'<ul>{options}</ul><p><a href="{escape(page)}">{escape(page)}</a></p>'


def _cut(words: str, limit: int) -> str:
    one_line = " ".join(words.split())
    return one_line if len(one_line) <= limit else one_line[: limit - 1].rstrip() + "…"
