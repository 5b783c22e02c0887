"""What an attacker, or somebody who was shown out, gets of what is private: nothing, by whichever way they ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from node import web as door
from node.forum import members, upkeep, withdrawals
from node.forum import people as forum_people
from node.web import look
from storage import people
from storage.schema import Account, Comment, Group, Membership, Thread
from storage.work import Work
from tests.equipment.browsers import Browser, browser_of
from tests.equipment.nodes import AS2, Moot
from tests.peers.scripted import ScriptedServer

KEPT = "NOT FOR ALL EYES"
SECONDS = aiohttp.ClientTimeout(total=20)


@dataclass
class Hidden:
    """A group with a private thread, and where its things are."""

    group: str
    thread: str  # uid
    opening: str
    item: str
    place: str

    def pages(self) -> list[str]:
        """Every address at which something of the thread is read."""
        of_items = ("fragment", "source", "history", "react", "edit", "composer", "report", "remove", "split", "reply")
        of_thread = ("print", "markdown", "seen", "live", "guests", "lock", "pin", "move", "tags", "edit")
        return [
            self.place,
            f"{self.place}?view=flat",
            f"{self.place}?view=new",
            f"/post/{self.opening}",
            f"/comment/{self.item}",
            f"/interact?object=https://node.test/comment/{self.item}",
            *(f"/items/{uid}/{name}" for name in of_items for uid in (self.opening, self.item)),
            *(f"/threads/{self.thread}/{name}" for name in of_thread),
        ]


async def hide(node: Moot, name: str = "cellar", **given: str) -> Hidden:
    """A group of Liam's with Mira in it, and a thread of his."""
    await node.group(name, "liam", "mira", title=f"Group {KEPT}", **given)
    opening = await node.start("liam", name, f"Title {KEPT}", f"{KEPT} #kept", private=given.get("privacy") != "secret")
    item = await node.say("liam", opening, f"{KEPT} once more #kept")
    await node.settle()

    def find(work: Work) -> Hidden:
        first, second = (work.query(Comment).filter_by(uri=uri).one() for uri in (opening, item))
        thread = work.get_one(Thread, first.thread_id)
        return Hidden(name, thread.uid, first.uid, second.uid, f"/g/{name}/{thread.uid}-{thread.slug}")

    return await node.storage.read(find)


@pytest.fixture
async def others(node: Moot) -> dict[str, Browser]:
    """Liam, Mira, and Otto who is in nothing."""
    for name in ("liam", "mira", "otto"):
        await node.person(name)
    return {name: await browser_of(node, name) for name in ("liam", "mira", "otto")}


async def show_out(node: Moot, group: str, name: str, *, banned: bool) -> None:
    """A moderator removes a member, or bans them."""

    def act(work: Work) -> None:
        actor, moderator = people.by_name(work, name), people.by_name(work, "liam")
        home = people.by_name(work, group)
        assert actor is not None and moderator is not None and home is not None
        row = work.get_one(Group, home.id)
        if banned:
            members.set_role(work, moderator, row, actor, "banned", "Because.")
        else:
            members.remove_member(work, moderator, row, actor, "Because.")

    await node.storage.write(act)


async def refused(browser: Browser, paths: list[str]) -> None:
    """None of these addresses says anything."""
    for path in paths:
        answer = await browser.get(path)
        assert answer.status in (303, 404), (path, answer.status)
        assert answer.status == 404 or answer.location.startswith("/sign-in?next="), (path, answer.location)
        assert KEPT not in answer.source, path


# ------------------------------------------------------------------ shown out


@pytest.mark.parametrize("banned", [False, True])
@pytest.mark.parametrize("privacy", ["open", "secret"])
async def test_whoever_is_shown_out_is_refused_at_the_next_request(
    node: Moot, others: dict[str, Browser], privacy: str, banned: bool
) -> None:
    """PRV-08, PRV-01: pages, streams, drafts, bookmarks, unread; nothing of the thread is left to them."""
    hidden = await hide(node, privacy=privacy)
    mira = others["mira"]
    assert KEPT in (await mira.page(hidden.place)).source
    await mira.posted(f"/items/{hidden.item}/bookmark")
    await mira.posted(f"/items/{hidden.item}/reply", {"do": "draft", "source": "I begin"})
    assert KEPT in (await mira.page("/bookmarks")).source
    async with stream(node, mira, hidden.thread) as live:
        assert await said(live, "newest")
        await show_out(node, hidden.group, "mira", banned=banned)
        await node.say("liam", f"https://node.test/post/{hidden.opening}", f"{KEPT} for us")
        rest = await live.content.read()
        assert b"bye" in rest
        assert b"item" not in rest
    await refused(mira, hidden.pages())
    for path in ("/", "/unread", "/bookmarks", "/drafts", "/following", "/groups", "/u/liam", "/tags/kept"):
        words = (await mira.get(path)).source
        if privacy == "open":
            words = words.replace(f"Group {KEPT}", "")
        assert KEPT not in words, path
    for path, fields in (
        (f"/items/{hidden.item}/reply", {"source": "Still here?"}),
        (f"/items/{hidden.item}/react", {"kind": "like"}),
        (f"/items/{hidden.item}/report", {"category": "spam"}),
        (f"/items/{hidden.item}/bookmark", {}),
        (f"/threads/{hidden.thread}/read", {"do": "all"}),
        (f"/threads/{hidden.thread}/dismiss", {}),
        ("/drafts", {"place": f"reply:{hidden.item}", "source": "x"}),
    ):
        answer = await mira.post(path, fields)
        assert answer.status == 404, (path, answer.status)
        assert KEPT not in answer.source


def stream(node: Moot, browser: Browser, thread: str) -> aiohttp.client._RequestContextManager:
    """The event stream of a thread, as a browser opens it."""
    jar = "; ".join(f"__Host-{name}={value}" for name, value in browser.cookies.items())
    return node.session.get(
        f"http://127.0.0.1:{node.site.port}/threads/{thread}/live", headers={"Host": node.host, "Cookie": jar},
        timeout=SECONDS,
    )  # fmt: skip


async def said(live: aiohttp.ClientResponse, event: str) -> bool:
    """Reads on until that event came."""
    async for line in live.content:
        if line.strip() == f"event: {event}".encode():
            return True
    return False


async def test_a_stream_ends_with_the_account_that_opened_it(node: Moot, others: dict[str, Browser]) -> None:
    """WEB-05: suspended, and nothing more is said, nor is the page shown again."""
    hidden = await hide(node)

    def suspend(work: Work) -> None:
        actor = people.by_name(work, "mira")
        assert actor is not None
        forum_people.suspend(work, actor, "Because.")

    async with stream(node, others["mira"], hidden.thread) as live:
        assert await said(live, "newest")
        await node.storage.write(suspend)
        assert b"bye" in await live.content.read()
    await refused(others["mira"], hidden.pages())


# ------------------------------------------------------------------ never in


async def test_nothing_on_any_page_tells_somebody_else_of_what_is_private(
    node: Moot, others: dict[str, Browser]
) -> None:
    """PRV-04, PRV-03, PRV-05: lists, tags, search, completion, unread, logs; with an account and without."""
    hidden = await hide(node, privacy="secret")
    private = await hide(node, "club", privacy="closed")
    await node.group("open", "liam", "otto", title="Open")
    uri = f"https://node.test/comment/{hidden.item}"
    for browser in (others["otto"], Browser(node)):
        await refused(browser, hidden.pages())
        await refused(browser, private.pages())
        for path in (
            "/", "/groups", "/groups?q=cellar", "/groups?q=NOT", "/tags/kept", "/u/liam", "/g/open", "/g/open/members",
            "/unread", f"/unread?dismissed={hidden.thread}", "/bookmarks", "/drafts", "/following", "/share?text=x",
            f"/mentions?q=li&thread={hidden.thread}", "/g/cellar/members", "/g/cellar/log", "/g/cellar/join",
            f"/authorize_interaction?uri={uri}", "/authorize_interaction?uri=@cellar@node.test", "/robots.txt",
            f"/remarks/new?to={uri}", f"/groups/new?parent={hidden.group}", "/g/club/log", "/g/club",
        ):  # fmt: skip
            words = (await browser.get(path)).source.replace(f"Group {KEPT}", "" if "club" in path else KEPT)
            if path in ("/", "/groups", "/groups?q=NOT"):
                words = words.replace(KEPT, "", words.count('href="/g/club"'))  # its name is for everybody
            assert KEPT not in words, path
            assert 'href="/g/cellar"' not in words, path


async def test_asking_for_a_hidden_place_by_another_one_is_like_asking_for_none(
    node: Moot, others: dict[str, Browser]
) -> None:
    """PRV-06: previews, completion, drafts, marks, the parent of a group, taking a bookmark back."""
    hidden = await hide(node, privacy="secret")
    otto, nobody = others["otto"], "a" * 26
    for path, fields, name in (
        ("/preview", {"source": "Hello", "place": "reply:{}"}, hidden.item),
        ("/drafts", {"place": "reply:{}", "source": "Hello"}, hidden.item),
        ("/drafts", {"place": "edit:{}", "source": "Hello"}, hidden.item),
        ("/drafts", {"place": "thread:{}", "source": "Hello"}, hidden.group),
        ("/groups/new", {"parent": "{}", "title": "Part", "name": "part", "privacy": "secret"}, hidden.group),
        ("/items/{}/bookmark", {"kept": "0"}, hidden.item),
        ("/items/{}/reply", {"do": "preview", "source": "Hello"}, hidden.item),
        ("/items/{}/reply", {"do": "draft", "source": "Hello"}, hidden.item),
        ("/items/{}/edit", {"do": "preview", "source": "Hello"}, hidden.item),
        ("/interact", {"object": "https://node.test/comment/{}", "handle": "@ana@mastodon.test"}, hidden.item),
        ("/remarks/like", {"to": "https://node.test/comment/{}"}, hidden.item),
        ("/following", {"address": "@{}@node.test"}, hidden.group),
        ("/threads/{}/read", {"unread_from": "1"}, hidden.thread),
    ):
        absent = "nowhere_at_all" if name == hidden.group else nobody
        answers = [
            await otto.post(path.format(it), {key: value.format(it) for key, value in fields.items()})
            for it in (name, absent)
        ]
        told = [
            (answer.status, answer.location.replace(it, "X"), _alike(answer.source, it))
            for answer, it in zip(answers, (name, absent), strict=True)
        ]
        assert told[0] == told[1], (path, fields)
    for path, name in (("/mentions?q=li&thread={}", hidden.thread), ("/unread?dismissed={}", hidden.thread)):
        shown = [_alike((await otto.get(path.format(it))).source, it) for it in (name, nobody)]
        assert shown[0] == shown[1], path


def _alike(page: str, name: str) -> str:
    page = re.sub(r"\b[0-9a-f]{16}\b", "ID", page)
    return re.sub(r'name="nonce" value="[^"]*"', "", page).replace(name, "X")


async def test_what_becomes_private_is_gone_at_once_for_strangers(node: Moot, others: dict[str, Browser]) -> None:
    """PRV-11: from memory too, as a page and as a document, and once its group is secret."""
    await node.group("commons", "liam", "mira", title="Commons")
    uri = await node.start("liam", "commons", f"Title {KEPT}", KEPT)
    stranger = Browser(node)

    def find(work: Work) -> tuple[int, int, str]:
        opening = work.query(Comment).filter_by(uri=uri).one()
        thread = work.get_one(Thread, opening.thread_id)
        return thread.id, thread.group_id, f"/g/commons/{thread.uid}-{thread.slug}"

    thread_id, group_id, place = await node.storage.read(find)
    for _ in range(2):  # the second time it is in memory
        assert KEPT in (await stranger.page(place)).source
    await node.storage.write(lambda work: upkeep.make_private(work, people.by_name(work, "liam"), thread_id))
    for path in (place, uri):
        answer = await stranger.get(path.removeprefix(node.origin))
        assert answer.status == 404
        assert KEPT not in answer.source
        status, _, body = await node.get(uri, AS2)
        assert status in (404, 410)
        assert KEPT.encode() not in body
    assert KEPT in (await others["mira"].page(place)).source
    await stranger.page("/g/commons")
    await node.storage.write(_make_secret, group_id)
    assert (await stranger.get("/g/commons")).status == 404
    assert (await others["mira"].page("/g/commons")).status == 200


def _make_secret(work: Work, group_id: int) -> None:
    withdrawals.make_secret(work, people.by_name(work, "liam"), work.get_one(Group, group_id), "commons", "Ours.")


# ------------------------------------------------------------------ what is nobody else's


async def test_a_draft_is_its_writers_alone(node: Moot, others: dict[str, Browser]) -> None:
    """PRV-19: no address, no event, no notice; only on the writer's own pages."""
    await node.group("commons", "liam", "mira", title="Commons")
    uri = await node.start("liam", "commons", "What next?", "Tell us.")
    uid = uri.rpartition("/")[2]
    mira = others["mira"]
    await mira.posted(f"/items/{uid}/reply", {"do": "draft", "source": KEPT})
    answer = await mira.post(
        "/drafts", {"place": "thread:commons", "title": KEPT, "source": KEPT}, Accept="application/json"
    )
    assert answer.status == 200
    assert set(re.findall(r'"(\w+)":', answer.source)) == {"kept_at"}
    await node.settle()
    assert KEPT in (await mira.page("/drafts")).source
    for browser in (others["liam"], others["otto"], Browser(node)):
        for path in ("/drafts", "/", "/g/commons", f"/items/{uid}/reply", "/u/mira", "/unread", "/g/commons/new"):
            assert KEPT not in (await browser.get(path)).source, path
    for path in ("/u/mira/outbox", "/g/commons/outbox", f"/post/{uid}/replies", f"/post/{uid}"):
        _, _, body = await node.get(path)
        assert KEPT.encode() not in body, path
    count = await node.storage.read(lambda work: work.query(Comment).count())
    assert count == 1


async def test_addresses_of_people_stand_on_no_page_and_in_no_document(node: Moot, others: dict[str, Browser]) -> None:
    """PRV-18: neither that of their mail nor that of their network, for anybody but themselves."""
    mail = "mira.own@letters.example"
    await node.group("commons", "liam", "mira", title="Commons")
    uri = await node.start("mira", "commons", "What next?", "Tell us.")
    uid = uri.rpartition("/")[2]

    def give(work: Work) -> str:
        mira = people.by_name(work, "mira")
        assert mira is not None
        work.get_one(Account, mira.id).email = mail
        thread = work.query(Thread).one()
        return f"/g/commons/{thread.uid}-{thread.slug}"

    place = await node.storage.write(give)
    uids = place.rpartition("/")[2].partition("-")[0]
    assert mail in (await others["mira"].page("/settings/account")).source
    paths = [
        "/", "/groups", "/g/commons", "/g/commons/members", "/g/commons/log", place, "/u/mira", f"/items/{uid}/history",
        f"/threads/{uids}/seen", f"/threads/{uids}/print", f"/threads/{uids}/markdown", "/mentions?q=mira", "/about",
        "/g/commons/members/change?who=https://node.test/u/mira", "/g/commons/invite", "/g/commons/requests",
    ]  # fmt: skip
    for browser in (others["liam"], others["otto"], Browser(node)):
        for path in paths:
            answer = await browser.get(path)
            assert mail not in answer.source, path
            assert "127.0.0" not in answer.source, path
    for path in (
        "/u/mira", "/u/mira/outbox", "/u/mira/followers", "/g/commons", "/g/commons/outbox", f"/post/{uid}",
        "/nodeinfo/2.1", "/.well-known/webfinger?resource=acct:mira@node.test",
    ):  # fmt: skip
        status, _, body = await node.get(path, "*/*" if "well-known" in path or "nodeinfo" in path else AS2)
        assert status == 200, path
        assert mail.encode() not in body, path
        assert b"127.0.0" not in body, path


# What a document of each kind may say. Whoever adds a key here has thought of who reads it.
ACTOR = {
    *("@context", "id", "type", "preferredUsername", "name", "summary", "url", "inbox", "outbox", "followers"),
    *("following", "featured", "publicKey", "endpoints", "icon", "attachment", "published", "updated", "discoverable"),
    *("indexable", "manuallyApprovesFollowers", "attributedTo", "postingRestrictedToMods", "sensitive", "language"),
    *("source", "webfinger", "assertionMethod", "alsoKnownAs", "context", "generator", "interactionPolicy", "streams"),
    *("implements", "moderators", "mediaType", "contentMap", "nameMap", "summaryMap", "memorial", "suspended"),
}
ITEM = {
    *("@context", "id", "type", "attributedTo", "content", "contentMap", "source", "mediaType", "to", "cc", "audience"),
    *("published", "updated", "url", "inReplyTo", "context", "conversation", "tag", "attachment", "replies", "likes"),
    *("shares", "name", "summary", "sensitive", "language", "atomUri", "inReplyToAtomUri", "interactionPolicy"),
    *("commentsEnabled", "stickied", "oneOf", "anyOf", "endTime", "closed", "votersCount", "preview", "locked"),
}


async def test_a_document_says_what_is_on_the_list_and_nothing_else(node: Moot) -> None:
    """PRV-20: of a person, of a group, of an opening and of a comment."""
    for name in ("liam", "mira"):
        await node.person(name)
    await node.group("commons", "liam", "mira", title="Commons")
    opening = await node.start("liam", "commons", "What next?", "Tell us. #commons")
    comment = await node.say("mira", opening, "Yes, @liam.")
    for path in ("/u/mira", "/g/commons"):
        assert set(await node.document(path)) - ACTOR == set(), path
    for path in (opening, comment):
        assert set(await node.document(path)) - ITEM == set(), path


async def test_a_broken_signature_makes_nobody_of_whoever_asks(node: Moot, world: ScriptedServer) -> None:
    """PRV-17: what is open is open to it as to anybody, what is hidden stays so, whomever it claims to be."""
    for name in ("liam", "mira"):
        await node.person(name)
    hidden = await hide(node, privacy="secret")
    await node.group("commons", "liam", title="Commons")
    public = await node.start("liam", "commons", "What next?", "Tell us.")
    for key in ("https://node.test/u/liam#main-key", "https://mastodon.test/users/sam#main-key", "nonsense"):
        forged = f'keyId="{key}",algorithm="rsa-sha256",headers="(request-target) host date",signature="AAAA"'
        for path, expected in ((public, 200), (f"/post/{hidden.opening}", 404), ("/g/cellar", 404)):
            anonymous, _, plain = await node.get(path)
            status, _, body = await node.get(path, Signature=forged)
            assert status == anonymous == expected, (key, path)
            assert re.sub(rb"[0-9a-f]{12,16}", b"", body) == re.sub(rb"[0-9a-f]{12,16}", b"", plain)


# ------------------------------------------------------------------ what the node tells of itself


async def test_no_answer_boasts_of_what_runs_here(node: Moot) -> None:
    """WEB-28: neither which server it is nor what went wrong inside."""
    for path in ("/", "/nothing", "/g/nobody", "/static/look.css", "/inbox", "/nodeinfo/2.1"):
        for accept in ("text/html", AS2):
            _, response, body = await node.get(path, accept)
            assert not re.search(r"[0-9]", response.headers.get("Server", "")), (path, response.headers.get("Server"))
            assert "X-Powered-By" not in response.headers
            assert b"Traceback" not in body


async def test_who_finds_a_hole_is_told_whom_to_tell(open_moot: Callable[..., Any]) -> None:
    """WEB-28: RFC 9116, for a node that names somebody; for half a year, until it is asked for again."""
    moot = await open_moot(contact="ana@coop.example", language="de", source_url="https://code.example/moot")
    response = await moot.get("/.well-known/security.txt")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    expires = (moot.storage.now() + timedelta(days=180)).strftime("%Y-%m-%dT00:00:00Z")
    assert (await response.text()).splitlines() == [
        "Contact: mailto:ana@coop.example",
        f"Expires: {expires}",
        "Preferred-Languages: de, en",
        "Canonical: https://moot.example/.well-known/security.txt",
        "Policy: https://code.example/moot",
    ]


@pytest.mark.parametrize(
    ("contact", "security_contact", "told"),
    [
        ("ana@coop.example", "https://coop.example/holes", "https://coop.example/holes"),
        ("ask around", "mailto:sec@coop.example", "mailto:sec@coop.example"),
        ("https://coop.example/us", "", "https://coop.example/us"),
        ("", "", None),
        ("ask around", "", None),
        ("javascript:alert(1)", "", None),
        ("ana@coop.example\nContact: mailto:evil@evil.example", "", None),
    ],
)
async def test_only_an_address_that_leads_somewhere_is_told(
    open_moot: Callable[..., Any], contact: str, security_contact: str, told: str | None
) -> None:
    """WEB-28: the contact for holes goes before the general one; with neither there is no such file."""
    moot = await open_moot(contact=contact, security_contact=security_contact, source_url="http://code.example/")
    response = await moot.get("/.well-known/security.txt")
    lines = (await response.text()).splitlines()

    assert response.status == (404 if told is None else 200)
    if told is not None:
        assert [line for line in lines if line.startswith("Contact:")] == [f"Contact: {told}"]
        assert not any(line.startswith("Policy:") for line in lines), "http is no place for it"


def test_one_way_leads_html_into_a_page() -> None:
    """XSS-18: everything is escaped, in templates of every name; and what is not is made where it is made safe."""
    folder = Path(door.__file__).parent
    assert look.environment().autoescape is True
    for template in sorted((folder / "templates").iterdir()):
        words = template.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup\(", words), template.name
    made = {file.name for file in folder.glob("*.py") if "Markup(" in file.read_text()}
    assert made <= {"look.py", "forms.py", "security.py", "charts.py"}


async def test_looking_changes_nothing(node: Moot, others: dict[str, Browser]) -> None:
    """WEB-01, WEB-25: what a link or a picture on another site can have a browser ask for has no effect."""
    await node.group("commons", "liam", "mira", title="Commons")
    uri = await node.start("mira", "commons", "What next?", "Tell us.")
    uid = uri.rpartition("/")[2]

    def state(work: Work) -> tuple[object, ...]:
        opening = work.query(Comment).one()
        thread = work.get_one(Thread, opening.thread_id)
        parts = [(part.actor_id, part.role) for part in work.query(Membership)]
        return opening.state, opening.likes_count, thread.locked_at, thread.pinned_at, thread.private, parts

    before = await node.storage.read(state)
    for path in (
        *(f"/items/{uid}/{act}?reason=x&kind=like&do=it" for act in ("react", "delete", "remove", "bookmark", "reply")),
        "/g/commons/leave?yes=1", "/g/commons/join", "/sign-out", "/threads/x/read", "/settings/account/leave",
        "/admin/people/mira?act=suspend", "/following?address=@liam@node.test",
    ):  # fmt: skip
        await others["mira"].get(path, Sec_Fetch_Site="cross-site")
    assert await node.storage.read(state) == before
    assert (await others["mira"].get("/settings")).status == 200  # still signed in
