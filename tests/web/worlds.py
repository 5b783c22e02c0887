"""Groups of every privacy with everybody who may come to them, to be asked for anything, by anybody, without effect."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse
from sqlalchemy import text

from node.forum.errors import NotFound
from storage.schema import (
    Actor,
    BlockList,
    BlockListEntry,
    Comment,
    Follow,
    FollowedPost,
    Guest,
    Invitation,
    JoinRequest,
    Membership,
    Passkey,
    Remark,
    Report,
    SignUp,
    Thread,
)
from storage.tokens import hashed
from storage.work import Work
from tests.web.authorisation import ROLES, WORLDS
from tests.web.conftest import NOW, THEN, Browser, Moot, ScriptedNetwork

WORDS = "Nobody else may read this."  # in everything that is said in a world
ABSENT = "absent"  # a handle that nobody has
ABSENT_UID = "a" * 26
ABSENT_SECRET = "s" * 43
ABSENT_NUMBER = 999_999


@dataclass(frozen=True)
class World:
    """The addresses of what is in one of the groups."""

    name: str
    values: dict[str, str]


@dataclass
class Worlds:
    """The node that holds them, and the browsers of everybody."""

    moot: Moot
    browsers: dict[str, Browser] = field(default_factory=dict)
    worlds: dict[str, World] = field(default_factory=dict)
    common: dict[str, str] = field(default_factory=dict)  # what is not of any group
    wrote: list[int] = field(default_factory=list)  # rows that were changed since the last question

    async def settle(self) -> None:
        """Waits for what is written down after an answer: the same connection answers again when that is done."""
        await (await self.moot.client.get("/robots.txt")).read()

    async def ask(self, role: str, method: str, path: str, fields: dict[str, Any] | None = None) -> ClientResponse:
        """The answer to somebody's request; whatever it did is undone."""
        self.wrote.clear()
        browser = self.browsers[role]
        browser = Browser(browser.moot, dict(browser.cookies))  # whoever signs out here is still there next time
        if method == "GET":
            return await browser.get(path)
        return await browser.post(path, fields)


class FarFromAll(ScriptedNetwork):
    """A network on which nobody is found beside those who lead visitors home."""

    async def find_actor(self, address: str) -> int:
        raise NotFound("Nobody answers there.")

    async def find_elsewhere(self, address: str) -> Any:
        raise NotFound("Nothing can be found there.")

    async def look_up(self, address: str) -> Any:
        raise NotFound("Nothing can be found there.")

    async def links_back(self, url: str, to: str) -> bool:
        return False


class _Undone(Exception):
    def __init__(self, result: Any, rows: int) -> None:
        super().__init__(result)
        self.result, self.rows = result, rows


def undo_everything(worlds: Worlds) -> None:
    """From here on each transaction is rolled back when it is done, and counted."""
    storage = worlds.moot.storage
    write = storage.write

    async def write_in_vain(verb: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        def run(work: Work) -> None:
            before = work.execute(text("SELECT total_changes()")).scalar_one()
            result = verb(work, *args, **kwargs)
            work.flush()
            raise _Undone(result, work.execute(text("SELECT total_changes()")).scalar_one() - before)

        try:
            await write(run)
        except _Undone as undone:
            worlds.wrote.append(undone.rows)
            return undone.result
        raise AssertionError("what is undone says so")

    storage.write = write_in_vain  # type: ignore[method-assign]


async def build(moot: Moot) -> Worlds:
    """Every world with everybody in it, before anything is undone."""
    worlds = Worlds(moot)
    moot.node.network = FarFromAll()
    people = {role: await moot.person(f"the_{role}", f"The {role.title()}") for role in ROLES if role != "stranger"}
    elsewhere = await moot.group("elsewhere", "Elsewhere")
    await moot.join(people["outsider"], elsewhere, "moderator")
    other = await moot.thread(elsewhere, people["outsider"], "Another thread")
    vault = await moot.group("vault", "The vault", privacy="secret", threads="private")
    for role in ("moderator", "admin", "keeper"):  # they may move something into it
        await moot.join(people[role], vault)
    joining = await moot.person("joining")
    remote = await moot.person("rita", host="coop.example")
    for name in WORLDS:
        worlds.worlds[name] = await _build(moot, name, people, joining=joining, remote=remote, other=other)
    worlds.common = await moot.storage.write(_finish_common, people, remote)
    worlds.browsers["stranger"] = moot.browser()
    for role, person in people.items():
        worlds.browsers[role] = await moot.sign_in(person, admin=role == "keeper")
        worlds.browsers[role].token()  # and with it the cookie that forms are bound to
    worlds.browsers["stranger"].token()
    await moot.storage.write(_suspend, people["suspended"])
    undo_everything(worlds)
    return worlds


async def _build(moot: Moot, name: str, people: dict[str, int], *, joining: int, remote: int, other: int) -> World:
    privacy = "open" if name == "private" else name
    group = await moot.group(name, f"The {name} group", privacy=privacy, join_token=f"join{name}".ljust(43, "j"))
    author = people["author"]
    for role in ("member", "author", "moderator", "admin", "banned", "suspended"):
        part = "member" if role in ("author", "suspended") else role
        await moot.join(people[role], group, part)
    await moot.join(people["former"], group)
    private = name in ("private", "secret")
    thread = await moot.thread(group, author, f"Title of {name}. {WORDS}", WORDS)
    await moot.say(thread, author, f"Comment. {WORDS}")
    await moot.say(thread, author, f"Removed. {WORDS}", state="removed", reason="Because.")
    for number in (0, 1):
        await moot.react(thread, number, people["admin"], "like")
    facts = {"joining": joining, "remote": remote, "other": other, "private": private}
    values = await moot.storage.write(_finish, name, group, thread, people, facts)
    return World(name, values)


def _finish(
    work: Work, name: str, group: int, thread_id: int, people: dict[str, int], facts: dict[str, Any]
) -> dict[str, str]:
    thread = work.get_one(Thread, thread_id)
    thread.private = facts["private"]
    work.delete(work.query(Membership).filter_by(group_id=group, actor_id=people["former"]).one())
    work.add(Guest(thread_id=thread.id, actor_id=people["guest"], inviter_id=people["admin"], joined_at=THEN))
    items = {it.number: it for it in work.query(Comment).filter_by(thread_id=thread.id)}
    secret = f"invitation_{name}".ljust(43, "i")
    invitation = Invitation(
        group_id=group, email=f"new@{name}.example", inviter_id=people["moderator"], words="Come.",
        secret_hash=hashed(secret), created_at=NOW, expires_at=NOW.replace(year=2030),
    )  # fmt: skip
    asked = JoinRequest(group_id=group, actor_id=facts["joining"], words=WORDS, created_at=NOW)
    report = Report(
        reporter_id=people["member"], objects=[items[1].uri], category="spam", words=WORDS, group_id=group,
        comment_id=items[1].id, about_id=items[1].author_id, created_at=NOW,
    )  # fmt: skip
    work.add_all([invitation, asked, report])
    work.flush()
    return {
        "name": name,
        "title": f"The {name} group",
        "place": f"{thread.uid}-{thread.slug}",
        "thread": thread.uid,
        "opening": items[0].uid,
        "item": items[1].uid,
        "removed": items[2].uid,
        "opening_uri": items[0].uri,
        "item_uri": items[1].uri,
        "invitation": secret,
        "invitation_id": str(invitation.id),
        "join": f"join{name}".ljust(43, "j"),
        "request": str(asked.id),
        "report": str(report.id),
        "member": "https://moot.example/u/the_member",
    }


def _finish_common(work: Work, people: dict[str, int], remote: int) -> dict[str, str]:
    """What somebody has of their own, in no group."""
    post = FollowedPost(
        uri="https://coop.example/notes/1", author_id=remote, html="<p>Hello.</p>", published_at=THEN, arrived_at=THEN
    )
    remark = Remark(
        uid="b" * 26, uri=f"https://moot.example/comment/{'b' * 26}", author_id=people["author"],
        in_reply_to=post.uri, answered_page=post.uri, answered_id=remote, source="Yes.", html="<p>Yes.</p>",
        wire="<p>Yes.</p>", published_at=THEN,
    )  # fmt: skip
    sign_up = SignUp(
        name="newcomer", display_name="New", email="new@coop.example", words="Let me in.", created_at=THEN,
        verified_at=THEN,
    )  # fmt: skip
    node_report = Report(
        reporter_id=people["member"], objects=["https://moot.example/u/joining"], category="spam", words=WORDS,
        about_id=people["former"], created_at=NOW,
    )  # fmt: skip
    passkey = Passkey(
        actor_id=people["author"], credential="x" * 20, public_key=b"x", sign_count=0, name="Key", created_at=THEN
    )
    block_list = BlockList(name="A list", limit="as listed", added_at=THEN, read_at=THEN)
    work.add_all([post, remark, sign_up, node_report, passkey, block_list])
    work.flush()
    work.add(BlockListEntry(list_id=block_list.id, host="listed.example", limit="silence", why="Advertising."))
    work.add(Follow(follower_id=people["member"], target_id=remote, state="accepted", created_at=THEN))
    work.flush()
    return {
        "followed_post": str(post.id),
        "remark": remark.uid,
        "sign_up": str(sign_up.id),
        "node_report": str(node_report.id),
        "passkey": str(passkey.id),
        "block_list": str(block_list.id),
        "nothing": ABSENT_SECRET,
    }


def _suspend(work: Work, actor_id: int) -> None:
    work.get_one(Actor, actor_id).state = "suspended"


# What an address has instead, at which there never was anything.
NOWHERE = {
    "name": ABSENT,
    "title": "The absent group",
    "place": f"{ABSENT_UID}-nothing",
    "thread": ABSENT_UID,
    "opening": ABSENT_UID,
    "item": ABSENT_UID,
    "removed": ABSENT_UID,
    "opening_uri": f"https://moot.example/post/{ABSENT_UID}",
    "item_uri": f"https://moot.example/comment/{ABSENT_UID}",
    "invitation": ABSENT_SECRET,
    "invitation_id": str(ABSENT_NUMBER),
    "join": ABSENT_SECRET,
    "request": str(ABSENT_NUMBER),
    "report": str(ABSENT_NUMBER),
    "member": "https://moot.example/u/the_member",
}


def alike(answer: str, values: dict[str, str]) -> str:
    """The answer without what tells one request from the other: numbers of requests, and what was asked for."""
    answer = re.sub(r"\b[0-9a-f]{16}\b", "ID", answer)
    answer = re.sub(r'name="nonce" value="[^"]*"', "NONCE", answer)
    answer = re.sub(rf'(/g/|@|value="){values["name"]}\b', r"\1X", answer)
    for name in sorted(values, key=lambda name: -len(values[name])):
        if name not in ("member", "name") and len(values[name]) > 3:  # of short numbers there are many on a page
            answer = answer.replace(values[name], "X")
    return answer
