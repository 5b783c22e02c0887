"""What is secret, on every surface: for strangers, outsiders, former and banned members, guests and followers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from node.forum import invitations, members
from node.forum.errors import NotFound
from node.sealing import new_secret
from storage import people as stored_people
from storage import sessions
from storage import threads as stored_threads
from storage.schema import Account, Actor, Thread
from storage.tokens import hashed
from tests.equipment.nodes import AS2, Moot
from tests.groups.conftest import group_of, who
from tests.peers.scripted import ScriptedServer

KEPT = "xylophone"
OUTSIDE = ("stranger", "outsider", "former", "banned", "keeper")


class Place:
    """A node with a secret group and a private thread in an open one, and browsers of everybody around them."""

    def __init__(self, node: Moot) -> None:
        self.node = node
        self.cookies: dict[str, str] = {"stranger": ""}
        self.secret = self.private = self.answer = ""

    async def read(self, role: str, path: str, accept: str = "text/html") -> tuple[int, str]:
        """Status and words that somebody gets, wherever it leads."""
        more = {"Cookie": f"__Host-session={self.cookies[role]}"} if self.cookies.get(role) else {}
        for _ in range(3):
            status, response, body = await self.node.get(path, accept, **more)
            if status not in (301, 302, 303):
                return status, body.decode("utf-8", "replace")
            path = response.headers["Location"].partition("#")[0]
        return status, ""

    async def page_of(self, uri: str) -> str:
        """The path of a thread's page."""

        def find(work: Any) -> str:
            opening = stored_threads.comment_by_uri(work, uri)
            thread = stored_threads.by_id(work, opening.thread_id)
            return f"{stored_people.by_id(work, thread.group_id).uri}/{thread.uid}-{thread.slug}"

        return (await self.node.storage.read(find)).removeprefix(self.node.origin)


@pytest.fixture
async def place(node: Moot) -> Place:
    made = Place(node)
    for name in ("ana", "member", "outsider", "former", "banned", "guest", "keeper"):
        await node.person(name)
    await node.group("hidden", "ana", "member", "former", privacy="secret", title=f"Group {KEPT}")
    await node.group("garden", "ana", "member", "former", title="The garden")
    await node.group("other", "outsider", title="Another one")
    made.secret = await node.start("ana", "hidden", f"Secret {KEPT}", f"Words {KEPT} #{KEPT}")
    made.private = await node.start("ana", "garden", f"Private {KEPT}", f"Words {KEPT} #{KEPT}", private=True)
    for thread in (made.secret, made.private):
        made.answer = await node.say("member", thread, f"Answer {KEPT}")
    await node.start("ana", "garden", "Public", "Words for all")

    def around(work: Any) -> dict[str, str]:
        secrets = {}
        for group in ("hidden", "garden"):
            members.leave(work, who(work, "former"), group_of(work, group))
            members.set_role(work, None, group_of(work, group), who(work, "banned"), "banned")
        for uri in (made.secret, made.private):
            opening = stored_threads.comment_by_uri(work, uri)
            thread = work.get_one(Thread, opening.thread_id)
            invitations.accept(
                work, who(work, "guest"), invitations.invite_guest(work, None, thread, actor=who(work, "guest"))
            )
        for name in ("member", "outsider", "former", "banned", "guest", "keeper"):
            actor = who(work, name)
            if work.get(Account, actor.id) is None:
                work.add(Account(actor_id=actor.id, admin=name == "keeper", created_at=work.now))
            secrets[name] = new_secret()
            work.flush()
            sessions.open_session(work, actor.id, hashed(secrets[name]))
        return secrets

    made.cookies |= await node.storage.write(around)
    await node.settle()
    return made


def urls(place: Place) -> Iterator[tuple[str, str]]:
    """Everything at which the secret group could be met, with how it is asked for."""
    group = "/g/hidden"
    for part in ("", "/outbox", "/followers", "/following", "/featured", "/moderators", "/welcome", "/inbox"):
        yield group + part, AS2
    for part in ("", "/members", "/join", "/leave", "/invite", "/requests", "/settings", "/reports", "/log", "/new"):
        yield group + part, "text/html"
    for uri in (place.secret, place.private):
        path = uri.removeprefix(place.node.origin)
        uid = path.rpartition("/")[2]
        for part in ("", "/context", "/replies", "/likes", "/shares"):
            yield path + part, AS2
        yield path, "text/html"
        yield f"/a/create-{uid}", AS2
        yield f"/a/announce-{uid}", AS2
        for part in ("reply", "edit", "history", "source", "report", "react"):
            yield f"/items/{uid}/{part}", "text/html"
        for part in ("guests", "seen", "print", "markdown", "live", "tags"):
            yield f"/threads/{uid}/{part}", "text/html"


@pytest.mark.parametrize("role", OUTSIDE)
async def test_nobody_outside_meets_what_is_secret_anywhere(place: Place, role: str) -> None:
    """PRV-01, PRV-02, PRV-03, PRV-06, PRV-08: by no address, and not even its title."""
    pages = [await place.page_of(uri) for uri in (place.secret, place.private)]
    every = [*urls(place), *((page, "text/html") for page in pages), (place.answer, "text/html"), (place.answer, AS2)]
    for path, accept in every:
        status, words = await place.read(role, path, accept)
        signed_out = role == "stranger" and "/sign-in" in words
        assert status in (404, 405) or signed_out, (role, path, status)
        assert KEPT not in re.sub(r"next=[^\"&]*", "", words), (role, path)


@pytest.mark.parametrize("role", [*OUTSIDE, "guest"])
async def test_no_list_tells_of_it(place: Place, role: str) -> None:
    """PRV-04, PRV-05"""
    lists = ("/", "/groups", "/groups?q=xylo", "/u/ana", "/u/member", "/g/garden", "/g/garden/members", f"/tags/{KEPT}")
    lists += (
        "/robots.txt",
        "/about",
        "/nodeinfo/2.1",
        "/unread",
        "/bookmarks",
        "/following",
        f"/mentions?q={KEPT[:4]}",
    )
    for path in lists:
        _, words = await place.read(role, path)
        if role == "guest" and path in ("/", "/u/ana", "/u/member", f"/tags/{KEPT}", "/unread", "/g/garden"):
            continue  # a guest reads the thread, so that what was said in it is found
        assert KEPT not in words.replace(f"/tags/{KEPT}", "").replace(f"#{KEPT}", ""), (role, path)
    for resource in (f"acct:hidden@{place.node.host}", f"{place.node.origin}/g/hidden"):
        status, words = await place.read("stranger", f"/.well-known/webfinger?resource={resource}", "*/*")
        assert status == 404
        assert KEPT not in words


async def test_a_member_sees_all_of_it_and_a_guest_the_thread_alone(place: Place) -> None:
    secret = await place.page_of(place.secret)
    for role in ("member", "guest"):
        status, words = await place.read(role, secret)
        assert (status, f"Words {KEPT}" in words) == (200, True), role
    assert (await place.read("member", "/g/hidden"))[0] == 200
    assert (await place.read("guest", "/g/hidden"))[0] == 404
    assert (await place.read("guest", "/g/hidden/members"))[0] == 404
    assert (await place.read("guest", place.secret, AS2))[0] == 404  # over the wire there is nobody


async def test_what_a_member_could_read_is_not_there_with_their_next_request(place: Place) -> None:
    """PRV-08: removed, banned, or no guest any more."""
    secret = await place.page_of(place.secret)
    assert (await place.read("member", secret))[0] == 200
    await place.node.storage.write(
        lambda work: members.remove_member(work, None, group_of(work, "hidden"), who(work, "member"))
    )
    assert (await place.read("member", secret))[0] == 404
    assert f"Secret {KEPT}" not in (await place.read("member", "/"))[1]
    await place.node.storage.write(
        lambda work: members.set_role(work, None, group_of(work, "hidden"), who(work, "guest"), "banned")
    )
    assert (await place.read("guest", secret))[0] == 404


async def test_hidden_and_absent_say_the_same(place: Place) -> None:
    """PRV-06: words and status; but for the number of the request."""
    for role in ("stranger", "outsider", "banned"):
        for there, nowhere in (("/g/hidden", "/g/nobody"), ("/g/hidden/members", "/g/nobody/members")):
            hidden, absent = await place.read(role, there), await place.read(role, nowhere)
            assert hidden[0] == absent[0] == 404
            assert _bare(hidden[1], "hidden") == _bare(absent[1], "nobody"), (role, there)


def _bare(words: str, name: str) -> str:
    return re.sub(rf'[0-9a-f]{{12,16}}|/g/{name}|name="csrf" value="[^"]*"', "", words)


async def test_nothing_of_it_went_to_another_server(place: Place, world: ScriptedServer) -> None:
    """PRV-10, PRV-12: neither to a follower of its members nor to whoever follows the open group."""
    maria = world.actor("maria@mastodon.test")
    for path in ("/g/garden", "/u/ana", "/u/member"):
        await maria.post(f"{place.node.origin}{path}/inbox", maria.follow(place.node.origin + path))
    refused = await maria.post(f"{place.node.origin}/g/hidden/inbox", maria.follow(f"{place.node.origin}/g/hidden"))
    assert refused.status == 404
    await place.node.settle()
    for thread in (place.secret, place.private):
        answer = await place.node.say("member", thread, f"More {KEPT}")
        await place.node.edit("member", answer, f"Other {KEPT}")
        await place.node.erase("member", answer)
    await place.node.settle()
    assert any(letter.json()["type"] == "Accept" for letter in world.letters)
    assert not any(KEPT.encode() in letter.body for letter in world.letters)
    hidden = place.secret.encode(), place.private.encode()
    assert not any(uri in letter.body for letter in world.letters for uri in hidden)
    for uri in (place.secret, place.private):
        reply = await maria.get(uri)
        assert (reply.status, KEPT.encode() in reply.body) == (404, False)


async def test_an_answer_from_elsewhere_does_not_get_into_what_is_private(place: Place, world: ScriptedServer) -> None:
    """PRV-10: not even from a member, for their own server has shown it to everybody."""
    maria = world.actor("maria@mastodon.test")
    maria_id = await place.node.node.network.find_actor("@maria@mastodon.test")
    await place.node.storage.write(
        lambda work: members.join(work, work.get_one(Actor, maria_id), group_of(work, "garden")).id
    )
    note = maria.note("<p>I heard of it</p>", cc=[f"{place.node.origin}/g/garden"], inReplyTo=place.private)
    await maria.post(f"{place.node.origin}/inbox", maria.create(note))
    await place.node.settle()
    assert await place.node.said(note["id"]) is None


async def test_a_handle_of_a_secret_group_is_nobodys_to_whoever_writes_it(place: Place) -> None:
    """PRV-05: no link in what is written, nobody to invite, to follow or to look up."""
    public = await place.node.start("ana", "garden", "Mentions", "I know @hidden and @member")
    item = await place.node.item(public)
    assert item is not None
    assert "/g/hidden" not in item.html
    assert "/u/member" in item.html
    for address in ("@hidden", "@hidden@node.test", f"{place.node.origin}/g/hidden", "@nobody_at_all"):
        with pytest.raises(NotFound):
            await place.node.node.network.find_actor(address)
