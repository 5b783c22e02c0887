"""What may come of an attack: the visible state before and after, and what pages must never hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from storage.schema import (
    Activity,
    Actor,
    Comment,
    Follow,
    Group,
    Key,
    Membership,
    Notice,
    Reaction,
    Remark,
    Report,
    Thread,
    Tombstone,
)
from storage.work import Work

State = dict[str, Any]
SHOWN = ("visible", "removed", "deleted")

# What users of other servers may bring into a page; everything else is ours or an attack.
TAGS = {
    *("p", "br", "hr", "a", "b", "strong", "i", "em", "u", "s", "del", "ins", "code", "pre", "blockquote", "q", "cite"),
    *("ul", "ol", "li", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "span", "div", "sub", "sup", "small"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "details", "summary", "ruby", "rt", "rp", "bdi"),
    *("bdo", "abbr", "kbd", "samp", "var", "mark", "section", "figure", "figcaption", "time", "wbr"),
}
ATTRIBUTES = {"href", "rel", "class", "lang", "dir", "translate", "title", "start", "reversed", "value", "colspan"}
ATTRIBUTES |= {"rowspan", "scope", "align", "datetime", "target", "role", "aria-hidden", "aria-label", "type"}
CLASSES = re.compile(
    r"(?:mention|hashtag|u-url|h-card|invisible|ellipsis|quote-inline|footnote[\w-]*|task[\w-]*|contains-task-list|"
    r"language-[\w+-]+|lang-[\w+-]+|host|sr|warn|real-host|image|p-\w+|emoji|strike|number|code|center|left|right)"
)
ADDRESS = re.compile(r"https?://|mailto:|/(?!/)|#", re.IGNORECASE)
INVISIBLE = re.compile(r"[\x00-\x20\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


# ------------------------------------------------------------------ what is there


def visible(work: Work, evil: str) -> State:
    """Everything a reader, a follower or a moderator could notice; of the evil host only what it did to others.

    What other plays' evil hosts left behind is passed over.
    """
    state: State = {}
    parent, author, group, target = aliased(Comment), aliased(Actor), aliased(Actor), aliased(Actor)

    def here(uri: InstrumentedAttribute[str]) -> ColumnElement[bool]:
        return or_(uri.not_like("%evil-%"), uri.like(f"%{evil}/%"))

    def rows(kind: str, found: Select[Any]) -> None:
        """The first columns name it, the last ones are what is said of it."""
        for row in work.execute(found):
            state[f"{kind} {row[0]}"] = tuple(map(str, row[1:]))

    for row in work.execute(
        select(
            *(Comment.uri, author.uri, parent.uri, Thread.uid, Comment.state, Comment.html, Comment.wire),
            *(Comment.source, Comment.summary, Comment.likes_count, Comment.boosts_count),
            *(Comment.question, Comment.attachments),
        )
        .join(Thread, Thread.id == Comment.thread_id)
        .outerjoin(author, author.id == Comment.author_id)
        .outerjoin(parent, parent.id == Comment.parent_id)
        .where(here(Comment.uri))
    ):
        if _is_of(row[0], evil) and row[4] not in SHOWN:
            continue  # a note that something was refused, shown as a gap
        state[f"comment {row[0]}"] = (*row[1:11], str(row[11]), str(row[12]))
    rows(
        "thread",
        select(
            *(Thread.uid, group.uri, Thread.title, Thread.state, Thread.private, Thread.comments_count),
            *(Thread.locked_at, Thread.pinned_at, Thread.context),
        ).join(group, group.id == Thread.group_id),
    )
    honest = Actor.host.not_like("%evil-%")
    rows(
        "actor",
        select(
            *(Actor.uri, Actor.name, Actor.display_name, Actor.summary, Actor.inbox, Actor.shared_inbox),
            *(Actor.state, Actor.url, Actor.followers, Actor.kind),
        ).where(honest),
    )
    # Ours are made when they are first needed.
    keys = select(Key.uri, Key.public_pem, Actor.uri).join(Actor, Actor.id == Key.actor_id)
    rows("key", keys.where(honest, Actor.local.is_(False)))
    settings = select(Actor.uri, Group.privacy, Group.who_may_start, Group.archived_at)
    rows("group", settings.join(Actor, Actor.id == Group.actor_id))
    member = select(Actor.uri.concat(" of ").concat(group.uri), Membership.role)
    member = member.join(Actor, Actor.id == Membership.actor_id).join(group, group.id == Membership.group_id)
    rows("member", member.where(here(Actor.uri)))
    follow = select(Actor.uri.concat(" of ").concat(target.uri), Follow.state)
    follow = follow.join(Actor, Actor.id == Follow.follower_id).join(target, target.id == Follow.target_id)
    rows("follow", follow.where(here(Actor.uri)))
    reaction = select(Reaction.kind, Actor.uri, Comment.uri).join(Actor, Actor.id == Reaction.actor_id)
    reaction = reaction.join(Comment, Comment.id == Reaction.comment_id)
    for kind, who, what in work.execute(reaction.where(here(Actor.uri))):
        state[f"{kind} of {who} on {what}"] = ()
    rows("notice", select(Notice.uri, Notice.kind, Notice.html).where(here(Notice.uri)))
    rows("remark", select(Remark.uri, Remark.state, Remark.html))
    report = select(Report.id, Report.objects, Report.words).join(Actor, Actor.id == Report.reporter_id)
    for number, objects, words in work.execute(report.where(here(Actor.uri))):
        state[f"report {number}"] = (len(objects), words)
    rows("activity", select(Activity.uri, Activity.type, Activity.about).where(here(Activity.about)))
    buried = select(Tombstone.uri.concat(" of ").concat(Tombstone.actor_uri))
    rows("tombstone", buried.where(Tombstone.actor_uri.not_like("%evil-%")))
    return state


def differences(before: State, after: State) -> list[str]:
    """What changed, one line each."""
    lines = [f"new: {key} {str(after[key])[:200]}" for key in after.keys() - before.keys()]
    lines += [f"gone: {key}" for key in before.keys() - after.keys()]
    lines += [
        f"changed: {key} {str(before[key])[:150]} -> {str(after[key])[:150]}"
        for key in before.keys() & after.keys()
        if before[key] != after[key]
    ]
    return lines


def breaches(before: State, after: State, evil: str, origin: str) -> list[str]:
    """What no letter of the evil host may ever do, whatever else it does: to change or remove what others said."""
    lines = []
    for key in before.keys() | after.keys():
        kind, _, name = key.partition(" ")
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if kind == "comment" and not _is_of(name, evil):
            # Counts may change: the villain may like things.
            if old is None or new is None or old[:8] != new[:8]:
                lines.append(f"{key}: {str(old)[:200]} -> {str(new)[:200]}")
        elif (
            kind in ("member", "group")
            or (kind in ("actor", "key") and old is not None)
            or (kind == "thread" and old is not None and (new is None or old[:4] + old[5:] != new[:4] + new[5:]))
            or (kind in ("follow", "like", "boost", "dislike") and f"{evil}/" not in name)
        ):
            lines.append(f"{key}: {old} -> {new}")
        if kind == "comment" and new is not None and new[0] and not _same_host(name, new[0]):
            lines.append(f"{key} is said to be by {new[0]}")
        if kind == "comment" and "FORGED" in str(new):
            lines.append(f"{key} says FORGED")
    return lines


def _is_of(uri: str, host: str) -> bool:
    """On the host, or on one below it."""
    found = uri.split("/")[2]
    return found == host or found.endswith(f".{host}")


def _same_host(uri: str, author: str) -> bool:
    return uri.split("/")[2] == author.split("/")[2]


# ------------------------------------------------------------------ pages


class Page:
    """A page as an HTML5 parser sees it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.root: Element = html5lib.parse(source, treebuilder="etree", namespaceHTMLElements=False)
        self._parents = {child: parent for parent in self.root.iter() for child in parent}

    def words(self) -> list[Element]:
        """The containers of what people wrote."""
        return [element for element in self.root.iter() if "words" in (element.get("class") or "").split()]

    def path_to(self, text: str) -> list[str] | None:
        """The tags above the words that hold a text, outermost first; None where it is nowhere."""
        for element in self.words():
            if text in "".join(element.itertext()):
                above = []
                at: Element | None = element
                while at is not None:
                    above.append(f"{at.tag}.{at.get('class', '')}")
                    at = self._parents.get(at)
                return above[::-1]
        return None

    def faults(self) -> Iterator[str]:
        """What is on the page and must not be."""
        containers = self.words()
        inside = {element for container in containers for element in container.iter() if element is not container}
        if any(container in inside for container in containers):
            yield "the words of one item hold those of another"
        for element in self.root.iter():
            if not isinstance(element.tag, str):
                continue
            if element in inside:
                yield from _faults_of_words(element)
            else:
                yield from _faults_of_frame(element)

    def inner(self) -> list[str]:
        """The HTML of what people wrote, as a browser would write it again."""
        return [
            html5lib.serialize(container, tree="etree", omit_optional_tags=False, quote_attr_values="always")
            for container in self.words()
        ]


def _faults_of_frame(element: Element) -> Iterator[str]:
    tag = element.tag
    if tag == "script" and not re.fullmatch(r"/static/[\w.-]+(?:\?v?=?[\w.-]*)?", element.get("src", "")):
        yield f"a script of {element.get('src')!r} on the page"
    if tag in ("iframe", "object", "embed", "base", "frame", "applet", "img", "video", "audio", "style", "math"):
        yield f"<{tag}> on the page"
    for name, value in element.attrib.items():
        if name.lower().startswith("on") or name == "style":
            yield f"<{tag} {name}> on the page"
        if name in ("href", "src", "action", "formaction") and not ADDRESS.match(INVISIBLE.sub("", value)):
            yield f'<{tag} {name}="{value[:80]}"> on the page'


def _faults_of_words(element: Element) -> Iterator[str]:
    tag = element.tag
    if tag not in TAGS:
        yield f"<{tag}> in words"
    for name, value in element.attrib.items():
        if name not in ATTRIBUTES:
            yield f"<{tag} {name}> in words"
        elif name == "class" and not all(CLASSES.fullmatch(word) for word in value.split()):
            yield f'<{tag} class="{value[:80]}"> in words'
        elif name == "href" and not ADDRESS.match(INVISIBLE.sub("", value)):
            yield f'<{tag} href="{value[:80]}"> in words'
    if tag == "a" and element.get("href", "").startswith("http"):
        rel = set((element.get("rel") or "").split())
        if not {"nofollow", "noopener"} <= rel:
            yield f"a link with rel={element.get('rel')!r} in words"


def forbidden(patterns: list[str], text: str) -> list[str]:
    """The patterns that match."""
    return [
        f"matches {pattern[:60]}: {found[0][:100]!r}" for pattern in patterns if (found := re.search(pattern, text))
    ]
