"""Objects of other servers, read tolerantly: what a peer got wrong is None, and only what makes it useless raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from federation.documents import (
    PUBLIC,
    Document,
    address,
    addressees,
    flag,
    members,
    number,
    refuse_keywords,
    text,
    type_of,
    url,
    when,
)
from federation.errors import Malformed

POST_TYPES = frozenset(
    {"Note", "Article", "Page", "Question", "Event", "Video", "Audio", "Image", "Document", "Link", "ChatMessage"}
)

MOST_TAGS = 50  # a long Mastodon post holds some 30; each mention may cost a fetch (PAR-10)
MOST_ATTACHMENTS = 32  # twice what Pixelfed's albums hold
MOST_OPTIONS = 500  # where Mastodon cuts the options of a poll
LONGEST_NAME = 2000  # a title of 200 characters is shown; the rest only has to be bounded
LONGEST_ALT = 10_000  # Mastodon's limit for a description

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,100}")
_EMOJI = re.compile(r":?([A-Za-z0-9_.+-]{1,64}):?")  # names are printed: Lemmy's worm of July 2023 (XSS-05)
_OPAQUE = re.compile(r"tag:[!-~]{1,500}")  # conversations of older Mastodon and Pleroma


class Mention(NamedTuple):
    href: str
    name: str


class Emoji(NamedTuple):
    name: str
    url: str


class Attachment(NamedTuple):
    kind: str
    url: str
    media_type: str | None
    alt: str | None


class Option(NamedTuple):
    name: str
    votes: int | None


def is_post(doc: object) -> bool:
    """Whether `doc` is of a type that Post.parse reads; never raises."""
    return _is_one_of(doc, POST_TYPES)


def is_tombstone(doc: object) -> bool:
    """Whether `doc` says that what was here is deleted."""
    return _is_one_of(doc, frozenset({"Tombstone"}))


def _is_one_of(doc: object, known: frozenset[str]) -> bool:
    try:
        return isinstance(doc, dict) and type_of(doc, known) in known
    except Malformed:
        return False


@dataclass(frozen=True)
class Post:
    """Whatever may open a thread, answer in one or vote: Note, Article, Page, Question, Event, Video…"""

    id: str
    type: str
    attributed_to: str
    name: str | None
    content: str | None  # HTML, unless `media_type` says Markdown (PeerTube) or plain text
    summary: str | None
    source: str | None
    source_type: str | None
    media_type: str
    in_reply_to: str | None
    context: str | None
    conversation: str | None
    published: datetime | None
    updated: datetime | None
    url: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    audience: tuple[str, ...]
    mentions: tuple[Mention, ...]
    hashtags: tuple[str, ...]
    emojis: tuple[Emoji, ...]
    attachments: tuple[Attachment, ...]
    image: str | None
    language: str | None
    sensitive: bool
    comments_enabled: bool
    replies: str | None
    quote: str | None
    options: tuple[Option, ...]
    multiple: bool
    end_time: datetime | None
    closed: bool
    raw: Document = field(repr=False)

    @classmethod
    def parse(cls, doc: Document) -> Post:
        """The post in `doc`; raises Malformed without an id, an author or a type that is read here."""
        if not isinstance(doc, dict):
            raise Malformed("The object is not a JSON object.")
        refuse_keywords(doc)
        kind = type_of(doc, POST_TYPES)
        if kind not in POST_TYPES:
            raise Malformed("The object is not a post.")
        uri = address(doc.get("id"))
        if uri is None:
            raise Malformed("The object has no id.")
        source, source_type = _source(doc)
        mentions, hashtags, emojis = _tags(doc)
        several = doc.get("anyOf")
        return cls(
            id=uri,
            type=kind,
            attributed_to=author_of(doc),
            name=_translated(doc, "name", limit=LONGEST_NAME),
            content=_translated(doc, "content"),
            summary=_translated(doc, "summary"),
            source=source,
            source_type=source_type,
            media_type=_media_type(doc) or "text/html",
            in_reply_to=url(doc, "inReplyTo"),
            context=_conversation(doc, "context"),
            conversation=_conversation(doc, "conversation", "inConversation", "ostatus:conversation"),
            published=when(doc, "published"),
            updated=when(doc, "updated"),
            url=page_of(doc) or uri,
            to=addressees(doc, "to"),
            cc=addressees(doc, "cc"),
            audience=addressees(doc, "audience"),
            mentions=mentions,
            hashtags=hashtags,
            emojis=emojis,
            attachments=_attachments(doc),
            image=url_of_image(doc, "image"),
            language=_language(doc),
            sensitive=flag(doc, "sensitive") is True,
            comments_enabled=flag(doc, "commentsEnabled") is not False,
            replies=url(doc, "replies"),
            quote=_quote(doc),
            options=_options(several if several else doc.get("oneOf")) if kind == "Question" else (),
            multiple=bool(several),
            end_time=when(doc, "endTime"),
            closed=flag(doc, "closed") is True or when(doc, "closed") is not None,
            raw=doc,
        )

    @property
    def is_public(self) -> bool:
        """Addressed to everybody, listed or not."""
        return PUBLIC in self.to or PUBLIC in self.cc

    @property
    def is_vote(self) -> bool:
        """A named Note without content that answers something: never a comment."""
        return self.type == "Note" and bool(self.name) and not self.content and self.in_reply_to is not None

    @property
    def addressed(self) -> frozenset[str]:
        """Everyone named in to, cc or audience."""
        return frozenset((*self.to, *self.cc, *self.audience))


def author_of(doc: Mapping[str, Any]) -> str:
    """The one actor a document is attributed to; Malformed where it could be several (AUT-06).

    PeerTube and Lemmy name a Person beside the Group it is in: then it is the Person.
    """
    named = doc.get("attributedTo")
    if isinstance(named, list) and len(named) > 1:
        named = [entry for entry in named[:20] if not _is_one_of(entry, frozenset({"Group"}))]
        if len(named) != 1:
            raise Malformed("The object has several authors.")
    if isinstance(named, list):
        named = named[0] if named else None
    if named is None:
        named = doc.get("actor")  # Mobilizon
    found = address(named.get("id") if isinstance(named, dict) else named)
    if found is None:
        raise Malformed("The object has no author.")
    return found


def page_of(doc: Mapping[str, Any]) -> str | None:
    """The page for people: of several addresses the one that is HTML (PeerTube), else the first."""
    for entry in members(doc.get("url"), 20):
        if isinstance(entry, dict) and entry.get("mediaType") == "text/html" and (found := address(entry.get("href"))):
            return found
    return url(doc, "url")


def url_of_image(doc: Mapping[str, Any], key: str) -> str | None:
    """The address of an icon or image, given as an object, a list of them or a string."""
    for entry in members(doc.get(key), 5):
        found = url(entry, "url") or address(entry.get("href")) if isinstance(entry, dict) else address(entry)
        if found:
            return found
    return None


def _source(doc: Document) -> tuple[str | None, str | None]:
    value = doc.get("source")
    if not isinstance(value, dict):
        return None, None  # Mbin puts the address of a link post there: see _attachments
    return text(value, "content"), _media_type(value)


def _media_type(doc: Mapping[str, Any]) -> str | None:
    value = doc.get("mediaType")
    if not isinstance(value, str):
        return None
    bare = value.partition(";")[0].strip().lower()
    return bare if _MEDIA_TYPE.fullmatch(bare) else None


def _translated(doc: Document, key: str, *, limit: int | None = None) -> str | None:
    found = text(doc, key, limit=limit)
    if found is not None:
        return found
    # Of a map only the first entry is read: the language the author wrote in (PAR-19).
    translations = doc.get(f"{key}Map")
    if isinstance(translations, dict):
        for language in list(translations)[:1]:
            return text(translations, language, limit=limit)
    return None


def _language(doc: Document) -> str | None:
    candidates: list[object] = []
    for key in ("contentMap", "nameMap", "summaryMap"):
        translations = doc.get(key)
        if isinstance(translations, dict):
            candidates.extend(list(translations)[:1])
    for key in ("language", "inLanguage"):  # Lemmy and PeerTube; Mobilizon
        for entry in members(doc.get(key), 1):
            candidates.append(entry.get("identifier") if isinstance(entry, dict) else entry)
    for candidate in candidates:
        if isinstance(candidate, str) and candidate != "und" and _LANGUAGE.fullmatch(candidate):
            return candidate
    return None


def _conversation(doc: Document, *keys: str) -> str | None:
    for key in keys:
        value = doc.get(key)
        if isinstance(value, str) and _OPAQUE.fullmatch(value):
            return value
        if found := url(doc, key):
            return found
    return None


def _quote(doc: Document) -> str | None:
    names = ("quote", "quoteUri", "quoteUrl", "_misskey_quote")
    return next((found for found in (url(doc, name) for name in names) if found), None)


def _tags(doc: Document) -> tuple[tuple[Mention, ...], tuple[str, ...], tuple[Emoji, ...]]:
    mentions: dict[str, Mention] = {}
    hashtags: dict[str, None] = {}
    emojis: dict[str, Emoji] = {}
    for tag in members(doc.get("tag"), MOST_TAGS):
        if not isinstance(tag, dict):
            continue
        kind, name = tag.get("type"), text(tag, "name", limit=300) or ""
        if kind == "Mention" and (href := url(tag, "href")):
            mentions.setdefault(href, Mention(href, name))
        elif kind == "Hashtag" and name.strip("# "):
            hashtags[name.strip("# ")[:100]] = None
        elif kind == "Emoji" and (found := _EMOJI.fullmatch(name)) and (icon := url_of_image(tag, "icon")):
            emojis.setdefault(found[1], Emoji(found[1], icon))
    return tuple(mentions.values()), tuple(hashtags), tuple(emojis.values())


_ATTACHED = frozenset({"Link", "Image", "Document", "Audio", "Video", "Page"})  # not PropertyValue, not Infohash


def _attachments(doc: Document) -> tuple[Attachment, ...]:
    found: dict[str, Attachment] = {}
    for entry in members(doc.get("attachment"), MOST_ATTACHMENTS):
        kind = text(entry, "type") if isinstance(entry, dict) else None
        if kind not in _ATTACHED:
            continue
        where = address(entry.get("href")) or page_of(entry)
        if where:
            alt = text(entry, "summary", limit=LONGEST_ALT) or text(entry, "name", limit=LONGEST_ALT)
            found.setdefault(where, Attachment(kind, where, _media_type(entry), alt))
    if linked := address(doc.get("source")):
        found.setdefault(linked, Attachment("Link", linked, None, None))
    return tuple(found.values())


def _options(value: object) -> tuple[Option, ...]:
    found: dict[str, Option] = {}  # votes come by name, so that a second option of a name could never be chosen
    for entry in members(value, MOST_OPTIONS):
        if not isinstance(entry, dict):
            continue
        name = text(entry, "name", limit=LONGEST_NAME) or text(entry, "content", limit=LONGEST_NAME)
        replies = entry.get("replies")
        if name:
            votes = number(replies, "totalItems") if isinstance(replies, dict) else None
            found.setdefault(name, Option(name, votes))
    return tuple(found.values())
