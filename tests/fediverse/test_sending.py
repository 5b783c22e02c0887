"""The delivery engine over real HTTP, against scripted servers, at a held clock, on both engines."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from aiohttp import web

from federation.client import Client
from node.fediverse.keys import Keyring
from node.fediverse.sending import Sender
from node.node import Node
from node.settings import Settings
from storage import deliveries, hosts, people, queues
from storage.people import Inbox
from storage.schema import Actor, Comment, Follow, Group, Host, Thread
from storage.work import Work
from tests.equipment.certificates import authority
from tests.peers.scripted import Answer


def middle() -> float:
    return 0.5


def make_actor(work: Work, uri: str, **more) -> Actor:
    host = uri.split("/")[2]
    given = {"kind": "person", "local": host == "node.test", "host": host, "name": uri.rpartition("/")[2]} | more
    actor = Actor(uri=uri, inbox=f"{uri}/inbox", created_at=work.now, updated_at=work.now, **given)
    work.add(actor)
    work.flush()
    return actor


@pytest.fixture
async def ana(storage) -> int:
    return await storage.write(lambda work: make_actor(work, "https://node.test/u/ana").id)


@pytest.fixture
async def sending_node(storage, world, net, clock, ana):
    """A node with nothing but its way out."""
    keyring = Keyring(storage, b"a secret that is long enough")
    with ThreadPoolExecutor(1) as signing:
        client = Client(
            lambda: keyring.signer(ana),
            user_agent="Folkmoot/test",
            origin="https://node.test",
            clock=clock,
            resolver=net,
            signing=signing,
            tls=authority().client_context(),
        )
        world.learn_key("https://node.test/u/ana#main-key", await keyring.public_pem(ana))
        async with client:
            yield Node(Settings(origin="https://node.test"), storage, client)


@pytest.fixture
def make_sender(sending_node, storage):
    return lambda: Sender(sending_node, Keyring(storage, b"a secret that is long enough"), chance=middle)


@pytest.fixture
def sender(make_sender) -> Sender:
    return make_sender()


@pytest.fixture
def say(storage, ana, sending_node):
    count = 0

    async def say(about: str, *to: str, type: str = "Create", **how) -> str:
        nonlocal count
        count += 1
        uri = f"https://node.test/a/{count}"
        inboxes = {Inbox(url, url.split("/")[2], "microblog") for url in to}
        how = {"actor_id": ana, "public": True, "microblog": f'{{"id":"{uri}"}}'.encode(), "forum": None} | how
        await storage.write(deliveries.enqueue, uri=uri, type=type, about=about, to=inboxes, **how)
        sending_node.deliveries_wait.set()
        return uri

    return say


MASTODON = "https://mastodon.test/inbox"
LEMMY = "https://lemmy.test/inbox"


async def waiting(storage) -> int:
    return (await storage.read(queues.counts)).deliveries_waiting


async def host_row(storage, host: str) -> Host:
    return await storage.read(lambda work: work.get_one(Host, host))


def heard(world, url: str = MASTODON) -> list[str]:
    return [letter.body.decode().split('"')[3] for letter in world.letters_to(url)]


async def test_what_is_owed_arrives_signed_by_its_actor_and_is_owed_no_longer(world, sender, say, storage):
    world.script("POST", MASTODON, Answer(202))
    uri = await say("x", MASTODON)
    assert await sender.send_due() == 1
    [letter] = world.letters_to(MASTODON)
    assert letter.body == f'{{"id":"{uri}"}}'.encode()
    assert letter.verified and letter.key_id == "https://node.test/u/ana#main-key"
    assert await waiting(storage) == 0
    assert await sender.send_due() == 0


async def test_the_group_signs_what_it_relays(world, sender, say, storage, ana):
    world.script("POST", MASTODON, Answer(202))
    group = await storage.write(lambda work: make_actor(work, "https://node.test/g/bikes", kind="group").id)
    await say("x", MASTODON, signer_id=group)
    await sender.send_due()
    assert world.letters_to(MASTODON)[0].key_id == "https://node.test/g/bikes#main-key"


async def test_one_object_s_history_arrives_in_order(world, sender, say):
    world.script("POST", MASTODON, Answer(202))
    uris = [await say("x", MASTODON, type=type) for type in ("Create", "Update", "Update")]
    uris.append(await say("x", MASTODON, type="Delete", always=True))
    await sender.send_due()
    assert heard(world) == uris


async def test_no_more_than_four_are_in_flight_to_one_host(world, sender, say, storage):
    """FET-17, REL-29"""
    world.script("POST", MASTODON, Answer(202))
    await say("first", MASTODON)
    await sender.send_due()
    now, most, gate = 0, 0, asyncio.Event()

    async def slowly(_request: web.BaseRequest) -> web.StreamResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == 4:
            gate.set()
        await gate.wait()
        await asyncio.sleep(0)
        now -= 1
        return web.Response(status=202)

    world.script("POST", MASTODON, slowly)
    for number in range(12):
        await say(f"o{number}", MASTODON)
    await sender.send_due()
    assert most == 4
    assert await waiting(storage) == 0


async def test_a_host_that_hangs_holds_nobody_else_up(world, sender, say, storage):
    """FET-17"""
    hold = asyncio.Event()
    world.script("POST", LEMMY, Answer(202, hold=hold))
    world.script("POST", MASTODON, Answer(202))
    stop = asyncio.Event()
    await say("x", LEMMY)
    running = asyncio.create_task(sender.run(stop))
    await world.arrival(lambda letter: letter.url == LEMMY)
    for number in range(5):
        await say(f"o{number}", MASTODON)
        await world.arrival(lambda letter, number=number: len(world.letters_to(MASTODON)) > number)
    assert not hold.is_set()
    hold.set()
    stop.set()
    await running
    assert await waiting(storage) == 0


async def test_a_failing_host_is_tried_at_doubling_pauses_and_gets_everything_in_the_end(
    world, sender, say, storage, clock
):
    """REL-28"""
    world.script("POST", MASTODON, *(Answer(502) for _ in range(5)), Answer(202))
    uris = [await say("x", MASTODON), await say("x", MASTODON, type="Update")]
    begun, moments = clock(), []
    while await waiting(storage):
        before = len(world.letters)
        await sender.send_due()
        if len(world.letters) > before:
            moments.append((clock() - begun).total_seconds())
        clock.forward(seconds=10)
    assert moments == [0, 10, 30, 70, 150, 310]
    assert heard(world)[-2:] == uris


async def test_a_host_that_is_away_is_knocked_at_once_and_not_once_per_letter(world, net, sender, say, storage):
    net.unplug("mastodon.test")
    for number in range(10):
        await say(f"o{number}", MASTODON)
    assert await sender.send_due() == 10
    row = await host_row(storage, "mastodon.test")
    assert (row.failures, row.last_error) == (1, "connection")
    assert [name for name, _ in net.asked].count("mastodon.test") == 1


async def test_retry_after_is_obeyed_in_seconds_and_as_a_date(world, sender, say, storage, clock):
    """FET-25"""
    later = (clock() + timedelta(minutes=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    world.script("POST", MASTODON, Answer(503, headers={"Retry-After": "600"}), Answer(202))
    world.script("POST", LEMMY, Answer(429, headers={"Retry-After": later}), Answer(202))
    await say("x", MASTODON, LEMMY)
    await sender.send_due()
    clock.forward(seconds=599)
    assert await sender.send_due() == 0
    clock.forward(seconds=1)
    assert await sender.send_due() == 1
    clock.forward(minutes=20)
    assert await sender.send_due() == 1
    assert await waiting(storage) == 0


async def test_a_second_knock_with_the_other_signature_is_remembered_once_it_was_let_in(world, sender, say, storage):
    def judge(*letters_in: int) -> None:
        world.script("POST", MASTODON, *(Answer(status) for status in letters_in))

    judge(401, 202)
    await say("x", MASTODON)
    await sender.send_due()
    assert (await host_row(storage, "mastodon.test")).signature == "rfc9421"
    judge(202)
    await say("y", MASTODON)
    await sender.send_due()
    schemes = [letter.scheme_used for letter in world.letters_to(MASTODON)]
    assert schemes == ["cavage", "rfc9421", "rfc9421"]


async def test_a_repeat_that_lemmy_answers_with_400_is_dropped_and_changes_no_signature(world, sender, say, storage):
    world.script("POST", LEMMY, Answer(400))
    await say("x", LEMMY)
    await sender.send_due()
    assert len(world.letters_to(LEMMY)) == 2
    assert await waiting(storage) == 0
    assert (await host_row(storage, "lemmy.test")).signature == "cavage"


async def test_an_inbox_that_is_gone_drops_its_follower(world, sender, say, storage, ana):
    """REL-30"""
    inbox = "https://mastodon.test/users/bo/inbox"
    world.script("POST", inbox, Answer(410))

    def follow(work: Work) -> None:
        bo = make_actor(work, "https://mastodon.test/users/bo")
        work.add(Follow(follower_id=bo.id, target_id=ana, state="accepted", created_at=work.now))

    await storage.write(follow)
    await say("x", inbox)
    await sender.send_due()
    assert await storage.read(people.count_followers, ana) == 0


async def test_a_redirect_of_a_letter_is_not_followed(world, sender, say, storage):
    """REL-30"""
    world.script("POST", MASTODON, Answer(307, headers={"Location": LEMMY}))
    await say("x", MASTODON)
    await sender.send_due()
    assert world.letters_to(LEMMY) == []
    assert await waiting(storage) == 1


@pytest.mark.parametrize(
    "inbox",
    ["http://mastodon.test/inbox", "https://127.0.0.1/inbox", "https://mastodon.test:8443/inbox",
     "https://mastodon.test/in\r\nbox", "https://inside.test/inbox", "ftp://mastodon.test/inbox"],
)  # fmt: skip
async def test_an_inbox_inside_or_malformed_is_never_posted_to(inbox, world, net, sender, say, storage):
    """AUT-37"""
    net.add("inside.test", world, "10.0.0.1")
    await say("x", inbox)
    await sender.send_due()
    assert world.letters == []
    assert await waiting(storage) == 0


async def test_a_dead_host_hears_nothing_new_until_it_speaks(world, net, sender, say, storage, clock):
    """REL-28, DOS-24"""
    world.script("POST", MASTODON, Answer(202))
    net.unplug("mastodon.test")
    await say("x", MASTODON)
    for _ in range(12):
        await sender.send_due()
        clock.forward(hours=17)
    assert (await host_row(storage, "mastodon.test")).state == "dead"
    await say("y", MASTODON)
    assert await waiting(storage) == 1
    net.add("mastodon.test", world)
    await storage.write(hosts.heard_from, "mastodon.test")
    assert await sender.send_due() == 1
    await say("z", MASTODON)
    await sender.send_due()
    assert len(heard(world)) == 2


async def test_two_workers_on_one_queue_send_each_letter_once(world, make_sender, say, storage, net):
    """REL-10"""
    urls = [f"https://h{number}.test/inbox" for number in range(12)]
    for number, url in enumerate(urls):
        net.add(f"h{number}.test", world)
        world.script("POST", url, Answer(202))
    for number in range(4):
        await say(f"o{number}", *urls)
    await asyncio.gather(make_sender().send_due(), make_sender().send_due())
    while await waiting(storage):
        await make_sender().send_due()
    assert [len(world.letters_to(url)) for url in urls] == [4] * len(urls)


async def test_a_worker_killed_between_the_answer_and_its_note_repeats_the_same_letter(
    world, make_sender, say, storage, clock
):
    """REL-06"""
    hold = asyncio.Event()
    world.script("POST", MASTODON, Answer(202, hold=hold), Answer(202))
    await say("x", MASTODON)
    killed = asyncio.create_task(make_sender().send_due())
    await world.arrival(lambda letter: letter.url == MASTODON)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    assert await make_sender().send_due() == 0  # its lease still runs
    clock.forward(seconds=60)
    assert await make_sender().send_due() == 1
    first, second = world.letters_to(MASTODON)
    assert first.body == second.body
    hold.set()


async def test_a_worker_that_is_stopped_lets_its_letters_arrive_first(world, sender, say, storage):
    """REL-32"""
    hold = asyncio.Event()
    world.script("POST", MASTODON, Answer(202, hold=hold))
    for number in range(8):
        await say(f"o{number}", MASTODON)
    stop = asyncio.Event()
    running = asyncio.create_task(sender.run(stop))
    await world.arrival(lambda letter: letter.url == MASTODON)
    stop.set()
    hold.set()
    await running
    row = await host_row(storage, "mastodon.test")
    assert row.lease_owner is None
    assert len(world.letters_to(MASTODON)) + await waiting(storage) == 8


async def test_a_bell_wakes_the_sender(world, sender, say):
    world.script("POST", MASTODON, Answer(202))
    stop = asyncio.Event()
    running = asyncio.create_task(sender.run(stop))
    uri = await say("x", MASTODON)
    await world.arrival(lambda letter: uri.encode() in letter.body)
    stop.set()
    await running


async def test_a_comment_that_was_removed_while_it_waited_is_not_sent_and_its_delete_is(world, sender, say, storage):
    """PRV: the predicate of pages is asked again before sending."""
    world.script("POST", MASTODON, Answer(202))

    def post(work: Work) -> str:
        author = make_actor(work, "https://node.test/u/bo")
        group = make_actor(work, "https://node.test/g/bikes", kind="group")
        work.add(Group(actor_id=group.id))
        work.flush()
        thread = Thread(
            uid="t", group_id=group.id, title="T", slug="t", context="c", created_at=work.now,
            last_activity_at=work.now,
        )  # fmt: skip
        work.add(thread)
        work.flush()
        uris = []
        for number, state in enumerate(("visible", "removed")):
            comment = Comment(
                uid=state, uri=f"https://node.test/comment/{state}", thread_id=thread.id, author_id=author.id,
                number=number, path=str(number), depth=0, state=state, published_at=work.now, arrived_at=work.now,
            )  # fmt: skip
            work.add(comment)
            work.flush()
            uris.append(comment.uri)
        return uris

    visible, removed = await storage.write(post)
    sent = [await say(visible, MASTODON)]
    await say(removed, MASTODON)
    sent.append(await say(removed, MASTODON, type="Delete", always=True))
    await sender.send_due()
    assert sorted(heard(world)) == sorted(sent)
    assert await waiting(storage) == 0


async def test_a_delivery_that_breaks_us_does_not_break_the_others(world, sender, say, storage, caplog):
    world.script("POST", MASTODON, Answer(202))

    stranger = await storage.write(lambda work: make_actor(work, "https://mastodon.test/users/eve").id)
    await say("x", MASTODON, signer_id=stranger)  # we have no key of hers
    uri = await say("y", MASTODON)
    await sender.send_due()
    assert heard(world) == [uri]
    assert await waiting(storage) == 1
    assert (await host_row(storage, "mastodon.test")).failures == 0
