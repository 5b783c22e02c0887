"""What a post of another server says, in the form that a verb takes."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from federation.addresses import authority
from federation.errors import Refused
from federation.objects import Post
from node.forum import text
from node.forum.items import Elsewhere

HANDLE = 200  # characters
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)  # of a poll that is over without saying when


@dataclass(frozen=True, slots=True)
class Said:
    """A post of another server in the form that a verb takes."""

    uri: str
    author: str
    in_reply_to: str | None
    words: text.Words
    title: str | None
    elsewhere: Elsewhere
    public: bool
    addressed: frozenset[str]
    mentioned: frozenset[str]
    is_note: bool
    is_vote: bool


async def read_post(post: Post) -> Said:
    """Reads and cleans a post; a large one off the event loop."""
    if post.content and text.needs_thread(post.content):
        return await asyncio.to_thread(_clean, post)
    return _clean(post)


def _clean(post: Post) -> Said:
    mentions = {mention.href: text.clean_name(mention.name.lstrip("@"), HANDLE) for mention in post.mentions}
    try:
        if post.media_type == "text/markdown" and post.content:
            words = text.from_markdown(post.content, language=post.language)
        else:
            words = text.from_html(
                post.content or "", language=post.language, mentions=mentions, hashtags=post.hashtags
            )
        if post.source and post.source_type == "text/markdown":
            words = replace(words, source=post.source, source_type="text/markdown")
    except text.TextRefused as refusal:
        raise Refused(str(refusal)) from None
    question: dict[str, Any] | None = None
    if post.options:
        question = {
            "options": [[option.name, option.votes] for option in post.options],
            "multiple": post.multiple,
            "end_time": post.end_time.isoformat() if post.end_time else None,
            "closed": (post.end_time or post.updated or post.published or EARLIEST).isoformat()
            if post.closed
            else None,
        }
    attachments = [
        {"kind": kept.kind, "url": kept.url, "media_type": kept.media_type, "alt": kept.alt}
        for kept in post.attachments
    ]
    own = [uri for uri in (post.context, post.conversation) if uri]
    title = text.clean_name(post.name, text.MAX_TITLE) if post.name else None
    is_note = post.type in ("Note", "Question")
    return Said(
        uri=post.id,
        author=post.attributed_to,
        in_reply_to=post.in_reply_to,
        words=words,
        title=title,
        elsewhere=Elsewhere(
            uri=post.id,
            published=post.published,
            updated=post.updated,
            # No page of somebody else's: an answer to that page would come to be an answer to this.
            page=post.url if authority(post.url) == authority(post.id) else None,
            # On an Article the summary is an excerpt; on a Note it warns of what follows.
            summary=text.clean_name(post.summary, 500) or None if post.summary and is_note else None,
            sensitive=post.sensitive,
            attachments=tuple(attachments),
            mentions=tuple((href, handle) for href, handle in mentions.items()),
            question=question,
            contexts=tuple(dict.fromkeys(own)),
        ),
        public=post.is_public,
        addressed=post.addressed,
        mentioned=frozenset(mentions),
        is_note=is_note,
        is_vote=post.is_vote,
    )
