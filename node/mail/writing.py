"""Writing: the mails of the node, each in the language of whoever gets it, as text and as HTML, put into the queue."""

import re
import textwrap
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from node import languages
from node.forum import emails, events, text
from storage import mails, people
from storage.work import Work

HERE = Path(__file__).parent
SUBJECT = 150  # characters; more is cut by whoever shows it
NAME = 100
WORDS = 4000  # of a person's own words in a mail (PAR-26)
LINE = 72


@dataclass(frozen=True, slots=True)
class Kind:
    """What a mail of its kind is told: values that must be there, and what others are when nobody says."""

    needs: frozenset[str] = frozenset()
    may: dict[str, Any] = field(default_factory=dict)
    # Sent to whatever address anybody typed: it carries no words of theirs, or it would be a way to send spam.
    to_strangers: bool = False


def _kind(*needs: str, to_strangers: bool = False, **may: Any) -> Kind:
    return Kind(frozenset(needs), may, to_strangers)


# Links are paths of ours, such as "/reset/SECRET"; `till` is the moment when they end.
KINDS: dict[str, Kind] = {
    "sign_in": _kind("link", "code", till=None),
    "sign_up": _kind("link", code=None, till=None, to_strangers=True),
    "sign_up_known": _kind(link="/sign-in", waits=False, to_strangers=True),
    "sign_up_waiting": _kind("name", "display_name", words="", link="/admin/sign-ups"),
    "sign_up_approved": _kind(link="/sign-in"),
    "sign_up_refused": _kind(reason=""),
    "first": _kind("link", name="", till=None),
    "reset": _kind("link", till=None),
    "new_email": _kind("link", code=None, till=None),
    "email_changed": _kind(at=None),  # to the old address; the new one is not told there
    "password_changed": _kind(at=None, link="/reset"),
    "second_factor_changed": _kind("change", at=None, link="/settings/security"),  # see CHANGES
    "invitation": _kind("link", "group", "inviter", words="", till=None),
    "guest_invitation": _kind("link", "thread", "inviter", words="", till=None),
    "join_request": _kind("group", "name", "link", words=""),
    "joined": _kind("group", "link"),
    "deleted": _kind(name=""),
    "test": _kind(),
}

# What can happen to a second factor.
CHANGES = ("on", "off", "codes", "passkey_added", "passkey_removed")

# One line each: in headers, and wherever a second line could pass for ours.
NAMES = ("name", "display_name", "group", "inviter", "thread", "code")


@dataclass(frozen=True, slots=True)
class Written:
    """A mail in words."""

    subject: str
    text: str
    html: str


def write(
    work: Work,
    kind: str,
    *,
    to_address: str,
    to_name: str = "",
    actor_id: int | None = None,
    language: str | None = None,
    zone: str | None = None,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> None:
    """Writes a mail and owes it from this transaction on; the worker hears of it once that is durable.

    `actor_id` is whom of ours it is to; `language` and `zone` are theirs, else it is in the language of the node;
    `values` are those of the kind.
    """
    address = emails.address(to_address)  # nothing in it can end a header or a command (XSS-08)
    name = "" if KINDS[kind].to_strangers else text.clean_name(to_name, NAME)
    for header, value in (headers or {}).items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", header) or re.search(r"[\x00-\x1f\x7f]", value):
            raise ValueError(f"{header} cannot be a header of a mail")
    node = people.by_uri(work, f"{work.origin}/actor")
    written = compose(
        kind, node=node_name(work), origin=work.origin, to_name=name,
        language=language or (node.language if node is not None else None), zone=zone, **values,
    )  # fmt: skip
    mails.queue(
        work, kind=kind, to_address=address, to_name=name, actor_id=actor_id, subject=written.subject,
        text=written.text, html=written.html, headers=headers,
    )  # fmt: skip
    work.happened(events.MailQueued())


def compose(
    kind: str,
    *,
    node: str,
    origin: str,
    to_name: str = "",
    language: str | None = None,
    zone: str | None = None,
    **values: Any,
) -> Written:
    """The words of a mail."""
    told = _told(kind, values, origin)
    with languages.speaking(language, zone) as voice:
        told |= {
            "node": node, "origin": origin, "host": origin.partition("://")[2], "to_name": to_name,
            "language": voice.language, "direction": voice.direction,
        }  # fmt: skip
        plain = _environment("text").get_template(f"{kind}.html")
        subject = " ".join("".join(plain.blocks["subject"](plain.new_context(told))).split())
        told["subject"] = subject = text.clean_name(subject, SUBJECT)
        return Written(
            subject,
            re.sub(r"\n{3,}", "\n\n", plain.render(told)).strip() + "\n",
            _environment("html").get_template(f"{kind}.html").render(told).strip() + "\n",
        )


def node_name(work: Work) -> str:
    """What the node is called."""
    actor = people.by_uri(work, f"{work.origin}/actor")
    return (actor.display_name if actor is not None else "") or work.origin.partition("://")[2]


def _told(kind: str, values: dict[str, Any], origin: str) -> dict[str, Any]:
    """The values of a mail: all there, none too many, names in one line, links on our own origin (WEB-11)."""
    known = KINDS[kind]
    missing, unknown = known.needs - values.keys(), values.keys() - known.needs - known.may.keys()
    if missing or unknown:
        raise TypeError(f"a mail {kind} needs {sorted(missing) or 'nothing more'}, and takes no {sorted(unknown)}")
    told = known.may | values
    for name in told.keys() & set(NAMES):
        told[name] = text.clean_name(str(told[name] or ""), NAME)
    for name in told.keys() & {"words", "reason"}:
        told[name] = clean_words(told[name])
    if "link" in told:
        told["link"] = _link(told["link"], origin)
    if "change" in told and told["change"] not in CHANGES:
        raise ValueError(f"{told['change']} is no change of a second factor; there are {', '.join(CHANGES)}")
    return told


def _link(given: str, origin: str) -> str:
    path = given.removeprefix(origin)
    if not re.fullmatch(r"/(?!/)[!-~]*", path):
        raise ValueError("a link in a mail is a path of ours")
    return origin + path


def clean_words(words: str) -> str:
    """A person's own words, without what only a terminal or a trickster needs; lines stay lines."""
    lines = [text.clean_name(line, WORDS) for line in words.splitlines()]
    kept = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return kept if len(kept) <= WORDS else kept[: WORDS - 1].rstrip() + "…"


@cache
def _environment(form: str) -> Environment:
    """The templates as text or as HTML: each mail is one template, and `mail` holds its parts in that form."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=form == "html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        lambda words: languages.voice().translations.ugettext(words),
        lambda one, many, num: languages.voice().translations.ungettext(one, many, num),
        newstyle=True,
    )
    made.filters |= {"said_moment": languages.moment, "filled": _filled, "quoted": _quoted}
    made.globals |= {"parts": f"_parts.{form}", "frame": f"_frame.{form}"}
    return made


def _filled(words: str) -> str:
    """Text in lines that every mail program shows as they are; what cannot be broken stays whole."""
    return "\n".join(_lines(words, LINE))


def _quoted(words: str) -> str:
    """Somebody's own words, marked as such line by line."""
    lines = [part for line in words.splitlines() for part in _lines(line, LINE - 2)]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _lines(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
