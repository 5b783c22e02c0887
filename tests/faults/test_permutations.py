"""Letters in any order, with any repeats, from several servers at once, end in the state that the set of them means.

What they mean is a pure function, `meaning`, which looks at no order. It holds where the protocol says so: a Delete
wins whenever it comes, the latest `updated` wins, an Undo keeps out what it undoes by id and actor, an answer has its
place under what it answers, whichever came first, and a move takes everybody along once.

Left out is what the protocol itself leaves to the order of arrival: two likes of one person for one item, of which
Lemmy undoes either under an id that it never sent before; Add and Remove of the same pin, which carry no time; a Lock
and the comments it meets; a like of what is not here yet, which Mastodon sends to nobody but the author's server.

FOLKMOOT_LONG=10 plays for ten minutes on each engine.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from federation.errors import FederationError
from node.fediverse import receiving
from node.forum import members, people
from node.forum.errors import Refusal
from storage import followed_posts
from storage import people as stored_people
from storage import threads as stored_threads
from storage.letters import Waiting
from storage.schema import Actor, Comment, Follow, Group, Reaction
from storage.work import Work
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, Document, ScriptedServer

LONG = float(os.environ.get("FOLKMOOT_LONG") or 0)  # minutes
SECONDS = LONG * 60 or 8.0  # on each engine
HOSTS = ("mastodon.test", "victim.test", "lemmy.test", "nodebb.test", "mallory.test")


# ------------------------------------------------------------------ a story


@dataclass(frozen=True)
class Told:
    """One letter of a story, and what it means, apart from its words on the wire."""

    actor: str
    kind: str  # create, update, delete, react, unreact, follow, unfollow, move, pin, lock, unlock, announce, …
    about: str
    document: Document
    value: str = ""  # the words; the reaction; where somebody moved
    at: int = 0  # of words: which wording is the later one


@dataclass
class State:
    """What can be seen here in the end."""

    items: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # visible: its words, and what it answers
    reactions: set[tuple[str, str]] = field(default_factory=set)  # who, and how
    followers: set[str] = field(default_factory=set)  # of the group
    follows: set[str] = field(default_factory=set)  # by the member
    listed: dict[str, str] = field(default_factory=dict)  # of those whom the member follows: words
    passed_on: set[str] = field(default_factory=set)  # by the group that the member follows
    pinned: bool = False
    locked: bool = False
    seat: str = ""  # who holds the moderator's seat


@dataclass
class Story:
    """Everything that may be told in one run, by actors of its own."""

    number: int
    group: str
    member: str
    opening: str
    pinned: str  # a thread that is pinned
    closed: str  # a thread that is locked and opened again
    letters: list[Told] = field(default_factory=list)
    actors: dict[str, str] = field(default_factory=dict)


def meaning(story: Story, came: Iterable[Told]) -> State:
    """What all that came means together, whatever its order and however often."""
    told = {id(it): it for it in came}.values()
    gone_actors = {it.actor for it in told if it.kind == "leave"}
    deleted = {(it.actor, it.about) for it in told if it.kind == "delete"}
    undone = {(it.actor, it.document["object"]["id"]) for it in told if it.document["type"] == "Undo"}
    state = State(follows={story.actors["followed"], story.actors["group"]}, seat=story.actors["mod"])
    for it in sorted(told, key=lambda it: it.at):
        if it.actor in gone_actors or (it.actor, it.about) in deleted or (it.actor, it.document["id"]) in undone:
            continue
        if it.kind in ("create", "update"):
            if it.actor == story.actors["followed"]:
                state.listed[it.about] = it.value
            else:
                note = it.document["object"]
                state.items[it.about] = (it.value, note["inReplyTo"])
        elif it.kind == "react":
            state.reactions.add((it.actor, it.value))
        elif it.kind == "follow":
            state.followers.add(it.actor)
        elif it.kind == "announce":
            state.passed_on.add(it.about)
        elif it.kind == "pin":
            state.pinned = True
        elif it.kind == "lock":
            state.locked = True
        elif it.kind == "move":
            if it.actor == story.actors["followed"]:
                state.follows = (state.follows - {it.actor}) | {it.value}
            else:
                state.seat = it.value
    if story.actors["followed"] not in state.follows:
        state.listed.clear()  # what nobody follows any more is not kept
    return state


# ------------------------------------------------------------------ told by servers


def write(story: Story, world: ScriptedServer) -> int:
    """The letters of a story, whose actors live on several servers; says how many: of every story the same."""
    n = story.number
    for place, name in enumerate(("ana", "ben", "leaver", "mod", "followed", "group", "poster", "newer")):
        story.actors[name] = f"https://{HOSTS[place % len(HOSTS)]}/users/{name}{n}"
    moves = {"followed": story.actors["newer"]}
    for name, uri in story.actors.items():
        more: Document = {"movedTo": moves[name]} if name in moves else {}
        if name == "newer":
            more = {"alsoKnownAs": [story.actors["followed"]]}
        world.serve(uri, _actor(uri, "Group" if name == "group" else "Person") | more)
    ids = itertools.count(1)

    def say(name: str, kind: str, type: str, about: str, object: Any, **more: Any) -> Told:
        told = {key: more.pop(key) for key in ("value", "at") if key in more}
        actor = story.actors[name]
        document = {"id": f"{actor}/acts/{next(ids)}", "type": type, "actor": actor, "object": object} | more
        it = Told(actor, kind, about, document, **told)
        story.letters.append(it)
        return it

    def undo(name: str, kind: str, it: Told) -> None:
        say(name, kind, "Undo", it.about, it.document)

    def talk(name: str, words: str, answers: str | None, *, edits: int, erased: bool) -> str:
        actor = story.actors[name]
        uri = f"{actor}/notes/{next(ids)}"
        note: Document = {
            "id": uri, "type": "Note", "attributedTo": actor, "to": [PUBLIC], "cc": [f"{actor}/followers"],
            "published": "2026-11-22T11:00:00Z", "inReplyTo": answers, "content": f"<p>{words} 0</p>",
            "context": f"{story.opening}/context" if answers else None,
        }  # fmt: skip
        addressed = {"to": note["to"], "cc": note["cc"]}
        say(name, "create", "Create", uri, note, value=note["content"], **addressed)
        for number in range(1, edits + 1):
            newer = note | {"content": f"<p>{words} {number}</p>", "updated": f"2026-11-22T11:0{number}:00Z"}
            say(name, "update", "Update", uri, newer, value=newer["content"], at=number, **addressed)
        if erased:
            say(name, "delete", "Delete", uri, {"id": uri, "type": "Tombstone"}, to=[PUBLIC])
        return uri

    first = talk("ana", "Yes", story.opening, edits=2, erased=False)
    second = talk("ben", "No", first, edits=1, erased=True)
    talk("ana", "Why", second, edits=1, erased=False)
    talk("leaver", "I was here", first, edits=0, erased=False)
    say("leaver", "react", "Like", story.opening, story.opening, value="like")
    say("leaver", "leave", "Delete", story.actors["leaver"], story.actors["leaver"], to=[PUBLIC])
    like = say("ana", "react", "Like", story.opening, story.opening, value="like")
    undo("ana", "unreact", like)
    say("ben", "react", "Dislike", story.opening, story.opening, value="dislike")
    emoji = say("ben", "react", "EmojiReact", story.opening, story.opening, value="🎉", content="🎉")
    undo("ben", "unreact", emoji)
    boost = say("ana", "react", "Announce", story.opening, story.opening, value="boost", to=[PUBLIC])
    undo("ana", "unreact", boost)
    say("ben", "react", "Announce", story.opening, story.opening, value="boost", to=[PUBLIC])
    follow = say("ana", "follow", "Follow", story.group, story.group)
    undo("ana", "unfollow", follow)
    say("ben", "follow", "Follow", story.group, story.group)
    say("mod", "pin", "Add", story.pinned, story.pinned, target=f"{story.group}/featured", to=[PUBLIC])
    say("ben", "no pin", "Remove", story.pinned, story.pinned, target=f"{story.group}/featured", to=[PUBLIC])
    lock = say("mod", "lock", "Lock", story.closed, story.closed, to=[PUBLIC])
    undo("mod", "unlock", lock)
    talk("followed", "News", None, edits=2, erased=False)
    talk("followed", "Old news", None, edits=0, erased=True)
    say("followed", "move", "Move", story.actors["followed"], story.actors["followed"],
        target=story.actors["newer"], value=story.actors["newer"])  # fmt: skip
    for kept in (True, False):
        page = f"{story.actors['poster']}/pages/{next(ids)}"
        world.serve(page, _page(page, story))
        announce = say("group", "announce", "Announce", page, page, to=[PUBLIC])
        if not kept:
            undo("group", "announced no more", announce)
    return len(story.letters)


def _actor(uri: str, type: str) -> Document:
    return {
        "@context": "https://www.w3.org/ns/activitystreams", "id": uri, "type": type,
        "preferredUsername": uri.rpartition("/")[2], "inbox": f"{uri}/inbox", "outbox": f"{uri}/outbox",
        "followers": f"{uri}/followers",
    }  # fmt: skip


def _page(uri: str, story: Story) -> Document:
    return {
        "@context": "https://www.w3.org/ns/activitystreams", "id": uri, "type": "Page", "name": "Pumps",
        "attributedTo": story.actors["poster"], "to": [story.actors["group"], PUBLIC], "content": "<p>Which?</p>",
        "audience": story.actors["group"], "published": "2026-11-22T11:00:00Z",
    }  # fmt: skip


# ------------------------------------------------------------------ played on a node


class Play:
    """A story as it is played on a node: letters go in through `process`, as the worker hands them over."""

    def __init__(self, node: Moot, world: ScriptedServer, number: int) -> None:
        self.node, self.world, self.number = node, world, number
        self.came: list[Told] = []
        self.turns = itertools.count(1)

    async def begin(self) -> None:
        """Threads to talk in, actors that are known, a moderator elsewhere, and a member who follows two of them."""
        name = f"reader{self.number}"
        member = await self.node.person(name)
        group = await self.node.group(f"group{self.number}", name)
        opened = [await self.node.start(name, f"group{self.number}", f"About {it}") for it in range(3)]
        self.story = Story(self.number, group, member, *opened)
        write(self.story, self.world)
        for uri in self.story.actors.values():
            await self.node.node.network.find_actor(uri)
        await self.node.storage.write(self._settle_in)

    def _settle_in(self, work: Work) -> None:
        actors = self.story.actors
        group, member = _known(work, self.story.group), _known(work, self.story.member)
        members.set_role(work, None, work.get_one(Group, group.id), _known(work, actors["mod"]), "moderator")
        for name in ("followed", "group"):
            people.follow(work, member, _known(work, actors[name]))
            people.settle_follow(work, member, _known(work, actors[name]), accepted=True)

    async def tell(self, *letters: Told) -> None:
        """Has letters read: those of one server one after the other, those of several at once."""
        hosts: dict[str, list[Told]] = {}
        for it in letters:
            hosts.setdefault(it.actor.split("/")[2], []).append(it)
        await asyncio.gather(*(self._tell(told) for told in hosts.values()))
        self.came += letters

    async def _tell(self, letters: list[Told]) -> None:
        for it in letters:
            # The same in other bytes: nothing that counts bodies keeps it out.
            body = json.dumps(it.document | {"nonce": next(self.turns)}).encode()
            letter = Waiting(0, it.actor, f"{it.actor}#main-key", it.actor.split("/")[2], body, 1, False)
            try:
                await receiving.process(self.node.node, letter)
            except (FederationError, Refusal):
                continue  # as the worker does: it is written down as the outcome

    async def check(self) -> None:
        """What is there is what all that came means."""
        there = await self.node.storage.read(self._look)
        meant = meaning(self.story, self.came)
        other = {it.name: (getattr(there, it.name), getattr(meant, it.name)) for it in fields(State)}
        other = {name: both for name, both in other.items() if both[0] != both[1]}
        assert not other, (other, [(it.actor, it.kind, it.about, it.at) for it in self.came])

    def _look(self, work: Work) -> State:
        story = self.story
        group, member, opening = (
            _known(work, story.group),
            _known(work, story.member),
            _item(work, story.opening),
        )
        state = State()
        for row in work.query(Comment).filter(Comment.thread_id == opening.thread_id, Comment.number > 0):
            if row.state == "visible":
                parent = stored_threads.comment(work, row.parent_id or 0)
                state.items[row.uri] = (row.html, parent.uri)
        rows = work.query(Reaction).filter(Reaction.comment_id == opening.id)
        state.reactions = {(stored_people.by_id(work, row.actor_id).uri, row.kind) for row in rows}
        assert opening.likes_count == sum(kind == "like" for _, kind in state.reactions)
        assert opening.boosts_count == sum(kind == "boost" for _, kind in state.reactions)
        state.followers = {actor.uri for actor in stored_people.followers(work, group.id)}
        follows = work.query(Follow).filter(Follow.follower_id == member.id)
        state.follows = {stored_people.by_id(work, row.target_id).uri for row in follows}
        for post in followed_posts.listed(work, member.id)[0]:
            if post.group is not None:
                state.passed_on.add(post.uri)
            else:
                state.listed[post.uri] = post.html
        state.pinned = _thread(work, story.pinned).pinned_at is not None
        state.locked = _thread(work, story.closed).locked_at is not None
        [state.seat] = {actor.uri for actor in stored_people.moderators(work, group.id) if not actor.local}
        return state


def _known(work: Work, uri: str) -> Actor:
    actor = stored_people.by_uri(work, uri)
    assert actor is not None
    return actor


def _item(work: Work, uri: str) -> Comment:
    item = stored_threads.comment_by_uri(work, uri)
    assert item is not None
    return item


def _thread(work: Work, uri: str) -> Any:
    return stored_threads.by_id(work, _item(work, uri).thread_id)


# ------------------------------------------------------------------ any order


@pytest.mark.timeout(max(120, SECONDS * 3))
async def test_what_came_means_the_same_in_any_order_and_however_often(node: Moot, world: ScriptedServer) -> None:
    """REL-22, REL-23, REL-24, REL-25, REL-27, REL-39, AUT-19: after every step, on both engines"""
    loop = asyncio.get_running_loop()
    ends = time.monotonic() + SECONDS
    numbers = itertools.count(1)
    steps = 0

    many = write(Story(0, *[f"{node.origin}/none"] * 5), world)

    def on_the_node(what: Coroutine[Any, Any, None]) -> None:
        nonlocal ends
        try:
            asyncio.run_coroutine_threadsafe(what, loop).result(60)
        except BaseException:
            ends = math.inf  # what fails is played again, to find out how little of it is needed
            raise

    class AnyOrder(RuleBasedStateMachine):
        """Tells the letters of one story in whichever order is drawn."""

        @initialize()
        def begin(self) -> None:
            self.over = time.monotonic() > ends
            if not self.over:
                self.play = Play(node, world, next(numbers))
                on_the_node(self.play.begin())

        @rule(draw=st.data())
        def one(self, draw: st.DataObject) -> None:
            """A letter that came before or not."""
            self._tell(draw, most=1)

        @rule(draw=st.data())
        def several(self, draw: st.DataObject) -> None:
            """Some at once, those of different servers side by side."""
            self._tell(draw, most=8)

        @rule(draw=st.data())
        def all_of_it(self, draw: st.DataObject) -> None:
            """Everything, shuffled."""
            self._told(draw.draw(st.permutations(range(many))))

        def _tell(self, draw: st.DataObject, *, most: int) -> None:
            self._told(draw.draw(st.lists(st.integers(0, many - 1), min_size=1, max_size=most)))

        def _told(self, drawn: list[int]) -> None:
            nonlocal steps
            if not self.over:
                steps += len(drawn)
                on_the_node(self.play.tell(*(self.play.story.letters[it] for it in drawn)))
                on_the_node(self.play.check())

        def teardown(self) -> None:
            # However little was drawn: everything comes in the end, as every server tries again until it did.
            if not self.over and hasattr(self, "play"):
                on_the_node(self.play.tell(*reversed(self.play.story.letters)))
                on_the_node(self.play.check())

    chosen = settings(
        max_examples=int(max(20, SECONDS * 4)),
        stateful_step_count=6,
        deadline=None,
        database=None,
        derandomize=not LONG,
        suppress_health_check=list(HealthCheck),
        # Finding out how little of it fails takes long; the order that failed is told anyway.
        phases=(Phase.generate, Phase.shrink) if LONG else (Phase.generate,),
    )
    await asyncio.to_thread(run_state_machine_as_test, AnyOrder, settings=chosen)
    print(f"{next(numbers) - 1} stories, {steps} letters beside the last of each")
    assert steps
