"""The worker: letters read, deliveries sent, time kept, and stopped without losing anything, on both engines."""

import asyncio
import hashlib

import pytest

from federation.client import Client
from federation.errors import Refused, Unreachable
from node.fediverse.hosts import Remembered, get_to_know
from node.fediverse.keys import Keyring
from node.forum.errors import NotAllowed
from node.node import Node
from node.settings import Settings
from node.worker import Worker
from storage import deliveries, hosts, letters, queues
from storage.letters import Waiting
from storage.people import Inbox
from storage.schema import Actor, Host, Letter
from storage.work import Work
from tests.equipment.certificates import authority
from tests.peers.scripted import Answer

INBOX = "https://mastodon.test/inbox"


def make_ana(work: Work) -> int:
    uri = "https://node.test/u/ana"
    actor = Actor(
        uri=uri, kind="person", local=True, host="node.test", name="ana", inbox=f"{uri}/inbox", created_at=work.now,
        updated_at=work.now,
    )  # fmt: skip
    work.add(actor)
    work.flush()
    return actor.id


@pytest.fixture
def keyring(storage) -> Keyring:
    return Keyring(storage, b"a secret that is long enough")


@pytest.fixture
async def small_node(storage, net, clock, keyring, world):
    ana = await storage.write(make_ana)
    client = Client(
        lambda: keyring.signer(ana),
        user_agent="Folkmoot/test",
        origin="https://node.test",
        clock=clock,
        resolver=net,
        remembered=Remembered(storage),
        tls=authority().client_context(),
    )
    async with client:
        yield Node(Settings(origin="https://node.test"), storage, client)


class Processing:
    """What stands in for the reading side: does with a letter what the letter says."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.read: list[str] = []
        self.begun, self.hold = asyncio.Event(), asyncio.Event()

    async def __call__(self, letter: Waiting) -> str:
        words = letter.body.decode()
        self.read.append(words)
        self.begun.set()
        match words.split()[0]:
            case "unreachable":
                raise Unreachable("the other server is away", retry_after=120)
            case "forbidden":
                raise Refused("that is not theirs to say")
            case "ruled-out":
                raise NotAllowed("This thread is locked.")
            case "broken":
                raise ZeroDivisionError
            case "answered":
                await self.node.storage.write(_answer, words)
            case "long":
                await self.hold.wait()
        return f"read {words}"


def _answer(work: Work, words: str) -> None:
    deliveries.enqueue(
        work, uri=f"https://node.test/a/{words[-1]}", actor_id=1, type="Accept", about=words, public=False, always=True,
        microblog=words.encode(), forum=None, to={Inbox(INBOX, "mastodon.test", "microblog")},
    )  # fmt: skip


@pytest.fixture
def processing(small_node) -> Processing:
    return Processing(small_node)


@pytest.fixture
def worker(small_node, keyring, processing) -> Worker:
    return Worker(small_node, keyring, processing, chance=lambda: 0.5)


@pytest.fixture
def post(storage, small_node):
    async def post(words: str, host: str = "mastodon.test") -> None:
        await storage.write(
            letters.accept, signer=f"https://{host}/users/{words.split()[-1]}", key_id="k", host=host,
            digest=hashlib.sha256(words.encode()).hexdigest(), body=words.encode(),
        )  # fmt: skip
        small_node.letters_came.set()

    return post


async def outcomes(storage) -> dict[str, tuple[str, str | None]]:
    def look(work: Work) -> dict[str, tuple[str, str | None]]:
        return {(letter.body or b"").decode(): (letter.state, letter.outcome) for letter in work.query(Letter)}

    return await storage.read(look)


async def test_until_idle_follows_what_letters_bring_about_to_its_end(world, worker, post, storage):
    world.script("POST", INBOX, Answer(202))
    await post("answered 1")
    await worker.until_idle()
    assert [letter.body for letter in world.letters_to(INBOX)] == [b"answered 1"]
    counts = await storage.read(queues.counts)
    assert (counts.letters_waiting, counts.deliveries_waiting) == (0, 0)


async def test_every_letter_is_read_or_refused_or_waits_with_a_reason(worker, post, storage):
    """REL-45"""
    for words in ("fine 1", "forbidden 2", "ruled-out 3", "unreachable 4", "broken 5"):
        await post(words)
    await worker.until_idle()
    found = await outcomes(storage)
    assert found["fine 1"] == ("done", "read fine 1")
    assert found["forbidden 2"] == ("done", "refused: that is not theirs to say")
    assert found["ruled-out 3"] == ("done", "notallowed: This thread is locked.")
    assert found["unreachable 4"] == ("waiting", "the other server is away")
    state, why = found["broken 5"]
    assert state == "waiting" and why.startswith("fault ")


async def test_an_unreachable_server_is_asked_again_when_it_said(worker, post, processing, clock):
    await post("unreachable 1")
    await worker.until_idle()
    clock.forward(seconds=119)
    await worker.until_idle()
    assert len(processing.read) == 1
    clock.forward(seconds=1)
    await worker.until_idle()
    assert len(processing.read) == 2


async def test_a_letter_that_always_breaks_us_is_parked_and_the_next_is_read(worker, post, processing, clock, storage):
    """REL-20"""
    await post("broken 1")
    for _ in range(10):
        await worker.until_idle()
        clock.forward(days=1)
    assert len(processing.read) == letters.TRIES
    await post("fine 1")
    await worker.until_idle()
    assert processing.read[-1] == "fine 1"
    assert [one.tries for one in await storage.read(letters.parked)] == [letters.TRIES]


async def test_a_slow_letter_holds_nobody_else_s_up(worker, post, processing, storage):
    await post("long 1")
    running = asyncio.create_task(worker.run())
    await processing.begun.wait()
    for number in range(3):
        processing.begun.clear()
        await post(f"fine {number}", "lemmy.test")
        await processing.begun.wait()
    processing.hold.set()
    await worker.stop()
    await running
    assert (await storage.read(queues.counts)).letters_waiting == 0


async def test_a_worker_that_is_stopped_ends_what_it_began(worker, post, processing, storage):
    """REL-32"""
    await post("long 1")
    running = asyncio.create_task(worker.run())
    await processing.begun.wait()
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)
    assert not running.done()
    processing.hold.set()
    await stopping
    await running
    assert (await outcomes(storage))["long 1"] == ("done", "read long 1")


async def test_a_worker_that_never_ran_can_be_stopped(worker):
    await worker.stop()


async def test_a_host_says_once_a_day_what_it_runs(world, small_node, storage, clock):
    world.nodeinfo("lemmy.test", "lemmy", "0.19.5")
    for _ in range(3):
        await get_to_know(small_node, "lemmy.test")
    row: Host = await storage.read(lambda work: work.get_one(Host, "lemmy.test"))
    assert (row.software, row.software_version, row.dialect) == ("lemmy", "0.19.5", "forum")
    asked = [request for request in world.fetches if request.host == "lemmy.test"]
    assert len(asked) == 2
    clock.forward(days=1)
    await get_to_know(small_node, "lemmy.test")
    assert len([request for request in world.fetches if request.host == "lemmy.test"]) == 4


async def test_a_host_that_does_not_say_is_a_microblog_and_left_in_peace(world, small_node, storage):
    for _ in range(3):
        await get_to_know(small_node, "mastodon.test")
    row: Host = await storage.read(lambda work: work.get_one(Host, "mastodon.test"))
    assert (row.software, row.dialect) == (None, "microblog")
    assert len(world.fetches) == 1


async def test_a_dead_host_is_asked_daily_and_lives_again_when_it_answers(world, net, worker, storage, clock):
    """REL-28"""
    net.unplug("mastodon.test")

    def kill(work: Work) -> None:
        host = hosts.get_or_make(work, "mastodon.test")
        host.state, host.failures = "dead", 12

    await storage.write(kill)
    await worker.until_idle()
    net.add("mastodon.test", world)
    world.nodeinfo("mastodon.test", "mastodon", "4.5.0")
    await worker.until_idle()
    assert world.fetches == []
    clock.forward(days=1)
    await worker.until_idle()
    row: Host = await storage.read(lambda work: work.get_one(Host, "mastodon.test"))
    assert (row.state, row.failures, row.software) == ("live", 0, "mastodon")


async def test_what_nobody_could_take_for_two_weeks_is_given_up_in_time(worker, net, storage, clock):
    net.unplug("mastodon.test")
    await storage.write(_answer, "late 1")
    await worker.until_idle()
    clock.forward(days=14)
    await worker.until_idle()
    assert (await storage.read(queues.counts)).deliveries_waiting == 0


async def test_a_failed_fetch_is_remembered_across_restarts(small_node, storage, clock):
    memory = Remembered(storage)
    await memory.put("https://a.test/x", clock(), "gone")
    assert await memory.get("https://a.test/x") is None
    clock.forward(seconds=-60)
    assert await Remembered(storage).get("https://a.test/x") == "gone"
