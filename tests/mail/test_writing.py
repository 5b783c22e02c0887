"""Writing: every mail there is, as text and as HTML, with all its words, links of our own, and nothing smuggled in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import html5lib
import pytest

from node import languages
from node.app import opened, settle_in
from node.forum.errors import Invalid
from node.forum.events import MailQueued
from node.mail import messages, writing
from node.mail.writing import CHANGES, KINDS, Written
from node.settings import Settings
from storage import mails
from storage.work import Storage, Work
from tests.equipment.nodes import Moot

ORIGIN = "https://node.test"
SETTINGS = Settings(origin=ORIGIN, name="Mill Lane")

VALUES: dict[str, Any] = {
    "waits": False,
    "link": "/somewhere/5f3a",
    "code": "123456",
    "till": datetime(2026, 12, 1, 9, 30, tzinfo=UTC),
    "at": datetime(2026, 12, 1, 9, 30, tzinfo=UTC),
    "name": "ana",
    "display_name": "Ana Nunes",
    "words": "I live at number 7.\n\nMay I come in?",
    "reason": "We know each other by sight.",
    "group": "Garden & Tools",
    "inviter": "Ben Okri",
    "thread": "Who has a ladder?",
    "change": "on",
}


def values_of(kind: str, **other: Any) -> dict[str, Any]:
    return {name: VALUES[name] for name in KINDS[kind].needs | KINDS[kind].may.keys()} | other


def compose(kind: str, *, to_name: str = "", **values: Any) -> Written:
    return writing.compose(kind, node="Mill Lane", origin=ORIGIN, to_name=to_name, **values_of(kind, **values))


def words_of(html: str) -> str:
    """What a person reads of a page."""
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    body = tree.find("body")
    assert body is not None
    return " ".join(" ".join(body.itertext()).split())


@pytest.fixture
def write(storage: Storage) -> Any:
    async def write(kind: str, to_address: str = "ana@coop.example", **more: Any) -> None:
        await storage.write(lambda work: writing.write(work, kind, to_address=to_address, **values_of(kind) | more))

    return write


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_mail_says_all_it_was_told_in_text_and_in_html(kind: str) -> None:
    written = compose(kind, to_name="Ana")
    html = words_of(written.html)

    told = values_of(kind)
    told |= {"words": told["words"].split("\n")[0]} if "words" in told else {}
    told |= {name: "1 December 2026, 09:30 UTC" for name in ("till", "at") if name in told}
    told = {name: value for name, value in told.items() if name not in ("change", "waits")}
    for name, value in told.items():
        value = " ".join(value.split())
        assert value in " ".join(written.text.split()), name
        assert value in html, name
    assert "Hello Ana," in written.text
    assert "Hello Ana," in html
    assert "Mill Lane" in written.text
    assert written.subject


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_need_not_be_told_may_be_left_out(kind: str) -> None:
    needed = {name: VALUES[name] for name in KINDS[kind].needs}

    written = writing.compose(kind, node="Mill Lane", origin=ORIGIN, **needed)

    assert "None" not in written.text + written.html
    assert "Hello," in written.text


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_second_factor_has_words_of_its_own(change: str) -> None:
    others = {compose("second_factor_changed", change=other).text for other in CHANGES if other != change}

    assert compose("second_factor_changed", change=change).text not in others


def test_whoever_waits_for_an_account_is_not_told_to_sign_in() -> None:
    written = compose("sign_up_known", waits=True)

    assert "/somewhere" not in written.text
    assert written.subject == "You asked for an account on Mill Lane already"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_mail_asks_nothing_of_the_network(kind: str) -> None:
    """No pictures, no styles, no fonts from anywhere: nobody learns when or where it is read."""
    tree = html5lib.parse(compose(kind).html, namespaceHTMLElements=False)

    assert {element.tag for element in tree.iter()} & {"img", "link", "script", "iframe", "video", "object"} == set()
    assert "url(" not in compose(kind).html
    assert tree.get("lang") == "en"
    assert tree.get("dir") == "ltr"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_address_in_a_mail_is_of_our_own_origin(kind: str) -> None:
    """WEB-11: mails know no request, so no Host of anybody's."""
    written = compose(kind)
    tree = html5lib.parse(written.html, namespaceHTMLElements=False)
    links = [element.get("href") for element in tree.iter("a")]
    lines = [word for word in written.text.split() if "://" in word]

    assert links
    assert [link for link in links + lines if not link.startswith(f"{ORIGIN}/")] == []
    if "link" in values_of(kind):
        assert f"{ORIGIN}/somewhere/5f3a" in links
        assert f"{ORIGIN}/somewhere/5f3a" in lines


@pytest.mark.parametrize(
    "link", ["https://evil.example/reset", "//evil.example", "reset", "", "/a b", "/a\r\nb", "https://node.test.evil/"]
)
def test_a_link_that_leads_elsewhere_is_not_written(link: str) -> None:
    with pytest.raises(ValueError, match="path of ours"):
        compose("reset", link=link)


def test_a_value_that_is_missing_or_unknown_is_a_mistake_that_shows() -> None:
    with pytest.raises(TypeError, match="link"):
        writing.compose("reset", node="Mill Lane", origin=ORIGIN)
    with pytest.raises(TypeError, match="lnk"):
        compose("reset", lnk="/reset")
    with pytest.raises(ValueError, match="no change"):
        compose("second_factor_changed", change="gone")


def test_no_line_of_text_is_longer_than_mail_programs_show() -> None:
    for kind in KINDS:
        written = compose(kind, to_name="Ana", **({"words": "word " * 100} if "words" in values_of(kind) else {}))
        assert [line for line in written.text.splitlines() if len(line) > 76 and "://" not in line] == []


# ------------------------------------------------------------------ in whose language


def test_times_are_told_in_the_zone_of_whoever_gets_it() -> None:
    written = writing.compose(
        "reset", node="Mill Lane", origin=ORIGIN, zone="Asia/Kolkata", link="/reset/1", till=VALUES["till"]
    )

    assert "1 December 2026, 15:00" in written.text


# ------------------------------------------------------------------ what people write into them


def test_what_people_wrote_is_text_in_html_too() -> None:
    """XSS-08."""
    evil = '<img src=x onerror=alert(1)> & "quoted"'
    html = compose("invitation", inviter=evil, group=evil, words=evil, to_name=evil).html
    tree = html5lib.parse(html, namespaceHTMLElements=False)

    assert list(tree.iter("img")) == []
    assert words_of(html).count(evil) >= 4


def test_nobody_can_write_a_second_line_into_a_subject_or_a_name() -> None:
    """XSS-08."""
    written = compose("invitation", inviter="Ben\r\nBcc: eve@evil.example\r\n\r\nClick", group="Garden\u2028now")

    assert written.subject == "Ben Bcc: eve@evil.example Click invites you to Garden now"


def test_what_only_tricks_the_eye_is_left_out() -> None:
    """PAR-15."""
    written = compose("invitation", inviter="Ben\u202egnp.exe", words="a\u202eb\x1b[31mc\u2066d", group="G")

    for trick in ("\u202e", "\u2066", "\x1b"):
        assert trick not in written.subject + written.text + written.html


def test_nobodys_words_make_a_mail_that_is_too_long() -> None:
    """PAR-26."""
    written = compose("invitation", words="word\n" * 50_000, inviter="b" * 5000, group="g" * 5000)

    assert len(written.subject) <= 150
    assert len(written.text) < 15_000
    assert len(written.html) < 15_000


async def test_a_mail_to_an_address_that_anybody_typed_holds_none_of_their_words(write: Any, storage: Storage) -> None:
    """Else the form for signing up would send advertisements for everyone."""
    await write("sign_up", to_name="WIN MONEY at http://evil.example")

    mail = await storage.read(mails.newest)
    assert mail is not None
    assert "evil" not in mail.text + mail.html + mail.subject + mail.to_name


# ------------------------------------------------------------------ the queue


@pytest.mark.parametrize(
    "address",
    [
        "ana@coop.example\r\nBcc: eve@evil.example",
        "ana@coop.example\n",
        "ana\r@coop.example",
        "ana@coop.example, eve@evil.example",
        "Ana <ana@coop.example>",
        "ana@coop.example> SIZE=1",
        "ana coop@coop.example",
        '"a b"@coop.example',
        "ana@",
        "@coop.example",
        "ana",
        "",
    ],
)
async def test_what_is_more_or_less_than_an_address_gets_no_mail(address: str, write: Any, storage: Storage) -> None:
    """XSS-08, WEB-12."""
    with pytest.raises(Invalid):
        await write("reset", to_address=address)

    assert await storage.read(mails.newest) is None


@pytest.mark.parametrize("headers", [{"List-Id": "a\r\nBcc: eve@evil.example"}, {"List-Id: x\r\nBcc": "eve"}])
async def test_no_header_ends_early(headers: dict[str, str], write: Any) -> None:
    with pytest.raises(ValueError, match="cannot be a header"):
        await write("joined", headers=headers)


async def test_a_mail_of_a_transaction_that_fails_was_never_written(storage: Storage) -> None:
    def fail(work: Work) -> None:
        writing.write(work, "reset", to_address="ana@coop.example", link="/reset/1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await storage.write(fail)

    assert await storage.read(mails.newest) is None


async def test_writing_a_mail_is_something_that_happened(storage: Storage) -> None:
    happened: list[object] = []
    storage.on_event = lambda _work, event: happened.append(event)

    await storage.write(writing.write, "reset", to_address="ana@coop.example", link="/reset/1")

    assert happened == [MailQueued()]


async def test_a_mail_that_is_written_wakes_the_worker(node: Moot) -> None:
    node.node.mails_wait.clear()

    await node.storage.write(writing.write, "reset", to_address="ana@coop.example", link="/reset/1")

    await node.node.mails_wait.wait()


@pytest.fixture
def esperanto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A language that one sentence is translated into."""
    (tmp_path / "eo").mkdir()
    (tmp_path / "eo" / "folkmoot.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "A new password for %(node)s"\nmsgstr "Nova pasvorto por %(node)s"\n'
    )
    monkeypatch.setattr("node.languages.FOLDER", tmp_path)
    remembered = (languages.available, languages._translations, languages._voice)
    for known in remembered:
        known.cache_clear()
    yield
    for known in remembered:
        known.cache_clear()


async def test_whose_language_is_not_known_gets_that_of_the_node(storage: Storage, esperanto: None) -> None:
    await storage.write(settle_in, "Muelejo", "eo")

    for language in (None, "en"):
        await storage.write(writing.write, "reset", to_address="ana@coop.example", language=language, link="/reset/1")

    subjects = {mail.subject for mail in await storage.write(mails.claim, "here", 2)}
    assert subjects == {"Nova pasvorto por Muelejo", "A new password for Muelejo"}


async def test_a_mail_knows_what_the_node_is_called(node: Moot) -> None:
    await node.storage.write(writing.write, "reset", to_address="ana@coop.example", link="/reset/1")

    mail = await node.storage.read(mails.newest)
    assert mail is not None
    assert mail.subject == f"A new password for {node.node.settings.name}"


async def test_a_node_that_was_renamed_writes_under_its_new_name(tmp_path: Path) -> None:
    for name in ("Mill Lane", "Mill Lane & Bridge Street"):
        async with opened(Settings(origin=ORIGIN, name=name, data=tmp_path)) as parts:
            assert await parts.node.storage.read(writing.node_name) == name


# ------------------------------------------------------------------ the message


async def built(storage: Storage, settings: Settings = SETTINGS) -> Any:
    """The next mail of the queue as it travels, read again."""
    [mail] = await storage.write(mails.claim, "here", 1)
    return message_from_bytes(bytes(messages.build(mail, settings)), policy=policy.default)


async def test_a_message_has_the_headers_that_it_needs(write: Any, storage: Storage) -> None:
    await write("joined", to_name="Ana Núñez", headers={"List-Id": "<garden.node.test>"})
    [row] = await storage.read(mails.listed)
    message = await built(storage)

    assert message["From"] == "Mill Lane <noreply@node.test>"
    assert message["To"].addresses[0].display_name == "Ana Núñez"
    assert message["To"].addresses[0].addr_spec == "ana@coop.example"
    assert message["Subject"] == "You are a member of Garden & Tools"
    assert message["Message-ID"] == f"<{row.uid}@node.test>"
    assert message["Date"].datetime == row.created_at
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "<garden.node.test>"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


async def test_both_parts_are_what_was_written_in_any_script(write: Any, storage: Storage) -> None:
    await write("invitation", group="Сад", inviter="Мария", words="Приходите! 🌻\n\n" + "длинная строка " * 50)
    row = await storage.read(mails.newest)
    message = await built(storage)
    raw = bytes(message)

    assert row is not None
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == row.text
    assert message.get_body(("html",)).get_content().replace("\r\n", "\n") == row.html
    assert message["Subject"] == row.subject
    assert raw.isascii(), "not every server takes eight bits"
    assert max(len(line) for line in raw.splitlines()) <= 998


@pytest.mark.parametrize(
    "name",
    ['Ana" <eve@evil.example>, "x', "Ana, Eve <eve@evil.example>", "a" * 90 + ", eve@evil.example", "Ana\r\nX: y"],
)
async def test_no_name_becomes_an_address(name: str, write: Any, storage: Storage) -> None:
    """XSS-08: also where a long name is folded, or is not ASCII."""
    await write("joined", to_name=name + " ü" * 20)
    message = await built(storage)

    assert [address.addr_spec for address in message["To"].addresses] == ["ana@coop.example"]
    assert message["X"] is None


@pytest.mark.parametrize(
    ("settings", "sender"),
    [
        ({"mail_from": "moot@coop.example"}, "Mill Lane <moot@coop.example>"),
        ({"mail_from": "The Moot <moot@coop.example>"}, "The Moot <moot@coop.example>"),
        ({"name": "A, B <c@d.example>"}, '"A B c d.example" <noreply@node.test>'),
        ({"origin": "http://127.0.0.1:8080"}, "Mill Lane <noreply@localhost>"),
        ({"origin": "https://müll.example"}, "Mill Lane <noreply@xn--mll-hoa.example>"),
    ],
)
def test_the_sender_is_who_the_settings_say(settings: dict[str, str], sender: str) -> None:
    chosen = Settings(**{"origin": ORIGIN, "name": "Mill Lane"} | settings)

    assert str(messages.sender(chosen)) == sender
