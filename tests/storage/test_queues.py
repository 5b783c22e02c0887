"""Deliveries: who is owed what, in which order it goes, and what becomes of it, on both engines."""

from datetime import timedelta

import pytest

from storage import backoff, deliveries, hosts, people, queues, settling
from storage.people import Inbox
from storage.schema import Actor, Follow, Host
from storage.settling import Result, Round
from storage.work import Work


def middle() -> float:
    """Neither early nor late."""
    return 0.5


def someone(work: Work, uri: str, *, inbox: str | None = None, shared: str | None = None, **more) -> Actor:
    host = uri.split("/")[2]
    actor = Actor(
        uri=uri, kind="person", local=host == "node.test", host=host, name=uri.rpartition("/")[2],
        inbox=inbox or f"{uri}/inbox", shared_inbox=shared, created_at=work.now, updated_at=work.now, **more,
    )  # fmt: skip
    work.add(actor)
    work.flush()
    return actor


def make_ana(work: Work) -> int:
    return someone(work, "https://node.test/u/ana").id


@pytest.fixture
async def ana(storage) -> int:
    return await storage.write(make_ana)


@pytest.fixture
def say(storage, ana):
    """Owes an activity about something to inboxes on hosts (of the microblog dialect unless said otherwise)."""
    count = 0

    async def say(about: str, *to: str | Inbox, type: str = "Create", **how) -> int:
        nonlocal count
        count += 1
        inboxes = {one if isinstance(one, Inbox) else at(one) for one in to}
        how = {"microblog": b"{}", "forum": None} | how
        return await storage.write(
            deliveries.enqueue, uri=f"https://node.test/a/{count}", actor_id=ana, type=type, about=about, public=True,
            to=inboxes, **how,
        )  # fmt: skip

    return say


def at(host: str, dialect: str = "microblog") -> Inbox:
    return Inbox(f"https://{host}/inbox", host, dialect)


@pytest.fixture
def claim(storage):
    async def claim(owner: str = "worker", limit: int = 10, **how):
        return await storage.write(deliveries.claim_hosts, owner, limit=limit, **how)

    return claim


def result(delivery_id: int, answer: int | str, **how) -> Result:
    if isinstance(answer, int):
        return Result(delivery_id, answer, **how)
    return Result(delivery_id, None, answer, **how)


@pytest.fixture
def settle(storage):
    """Settles claims with one answer for all, or one for each."""

    async def settle(claims, *answers: int | str, **how):
        rounds = []
        for claim in claims:
            given = answers if len(answers) > 1 else answers * len(claim.ready)
            results = [
                Result(
                    ready.id,
                    answer if isinstance(answer, int) else None,
                    answer if isinstance(answer, str) else None,
                    **how,
                )
                for ready, answer in zip(claim.ready, given, strict=False)
            ]
            rounds.append(Round(claim.host, claim.token, tuple(results)))
        return await storage.write(settling.settle, rounds, chance=middle)

    return settle


async def host_row(storage, host: str) -> Host:
    return await storage.read(lambda work: work.get_one(Host, host))


async def waiting(storage) -> int:
    return (await storage.read(queues.counts)).deliveries_waiting


# ------------------------------------------------------------------ putting in


async def test_each_inbox_is_owed_an_activity_once(storage, ana, say):
    activity = await say("x", "a.test", "b.test")
    added = await storage.write(deliveries.address, activity, {at("b.test"), at("c.test")}, signer_id=ana)
    assert added == 1
    assert await waiting(storage) == 3


async def test_an_activity_said_again_under_its_id_is_the_same_one(storage, ana):
    def say(work: Work) -> int:
        return deliveries.enqueue(
            work, uri="https://node.test/a/same", actor_id=ana, type="Create", about="x", public=True,
            microblog=b"{}", forum=None, to={at("a.test")},
        )  # fmt: skip

    assert await storage.write(say) == await storage.write(say)
    assert await waiting(storage) == 1


async def test_each_host_gets_the_wording_of_its_dialect(say, claim):
    await say("x", at("lemmy.test", "forum"), at("discourse.test", "discourse"), "b.test", microblog=b"m", forum=b"f")
    bodies = {claim.host: claim.ready[0].body for claim in await claim()}
    assert bodies == {"lemmy.test": b"f", "discourse.test": b"m", "b.test": b"m"}


async def test_a_forum_gets_the_only_wording_there_is_and_a_microblog_never_the_forum_s(say, claim):
    await say("x", at("lemmy.test", "forum"), microblog=b"m", forum=None)
    await say("y", at("lemmy.test", "forum"), "b.test", microblog=None, forum=b"f")
    [claimed] = await claim()
    assert claimed.host == "lemmy.test"
    assert [ready.body for ready in claimed.ready] == [b"m", b"f"]


async def test_nothing_is_owed_to_ourselves(storage, say):
    """AUT-37"""
    await say("x", "node.test", Inbox("https://node.test/inbox", "other.test", "microblog"))
    assert await waiting(storage) == 0


async def test_nothing_goes_to_a_blocked_host_or_below_it(storage, say):
    """PRV-13"""
    await say("x", "evil.test", "deep.evil.test", "notevil.test")
    await storage.write(hosts.block, "evil.test", "spam")
    assert [queue.host for queue in await storage.read(queues.by_host)] == ["notevil.test"]
    await say("y", "evil.test", "deep.evil.test", "notevil.test")
    assert [queue.host for queue in await storage.read(queues.by_host)] == ["notevil.test"]


async def test_a_dead_host_is_told_only_of_follows_and_of_who_is_gone(storage, say):
    def kill(work: Work) -> None:
        hosts.get_or_make(work, "dead.test").state = "dead"

    await storage.write(kill)
    await say("x", "dead.test")
    await say("x", "dead.test", type="Delete", always=True)
    assert await waiting(storage) == 0
    await say("x", "dead.test", type="Follow")
    await say("x", "dead.test", type="Accept", always=True)
    await say("https://node.test/u/ana", "dead.test", type="Delete", always=True)
    assert await waiting(storage) == 3


async def test_whoever_was_sent_something_is_in_the_actor_s_reach(storage, ana, say):
    await say("x", "a.test")
    assert await storage.read(people.reached_inboxes, ana) == {at("a.test")}


async def test_what_is_rolled_back_owes_nothing(storage, ana):
    """REL-05"""

    def say(work: Work) -> None:
        deliveries.enqueue(
            work, uri="https://node.test/a/1", actor_id=ana, type="Create", about="x", public=True,
            microblog=b"{}", forum=None, to={at("a.test")},
        )  # fmt: skip
        raise ValueError

    with pytest.raises(ValueError):
        await storage.write(say)
    assert await waiting(storage) == 0


# ------------------------------------------------------------------ order


async def test_what_is_about_one_object_goes_one_after_the_other(say, claim, settle):
    create, update = await say("x", "a.test"), await say("x", "a.test", type="Update")
    other = await say("y", "a.test")
    first = await claim()
    assert len(first[0].ready) == 2
    assert {ready.uri for ready in first[0].ready} == {f"https://node.test/a/{create}", f"https://node.test/a/{other}"}
    await settle(first, 202)
    [second] = await claim()
    assert [ready.uri for ready in second.ready] == [f"https://node.test/a/{update}"]


async def test_what_failed_holds_back_what_follows_it_and_nothing_else(clock, say, claim, settle):
    await say("x", "a.test")
    await say("x", "a.test", type="Delete", always=True)
    await say("y", "a.test")
    await settle(await claim(), 500, 202)
    assert await claim() == []
    clock.forward(seconds=10)
    [again] = await claim()
    assert [ready.type for ready in again.ready] == ["Create"]


async def test_the_oldest_go_first_and_no_more_than_a_round(say, claim):
    for number in range(20):
        await say(f"o{number}", "a.test")
    [claimed] = await claim()
    assert [ready.about for ready in claimed.ready] == [f"o{number}" for number in range(deliveries.ROUND)]


async def test_a_host_is_claimed_by_one_worker_at_a_time(say, claim, clock):
    """REL-10"""
    await say("x", "a.test", "b.test")
    assert len(await claim("one", limit=1)) == 1
    assert len(await claim("two")) == 1
    assert await claim("three") == []


async def test_the_lease_of_a_killed_worker_runs_out(say, claim, settle, clock, storage):
    """REL-06, REL-10"""
    await say("x", "a.test")
    lost = await claim("killed")
    clock.forward(seconds=59)
    assert await claim("next") == []
    clock.forward(seconds=1)
    [again] = await claim("next")
    assert again.ready == lost[0].ready
    assert await settle(lost, 500) == []  # it woke up, and what it says counts no more
    assert (await host_row(storage, "a.test")).failures == 0
    assert [one.fate for one in await settle([again], 202)] == ["delivered"]


async def test_what_arrived_is_believed_even_from_a_worker_that_lost_its_lease(say, claim, settle, clock, storage):
    await say("x", "a.test")
    lost = await claim("slow")
    clock.forward(minutes=5)
    await claim("next")
    await settle(lost, 202)
    assert await waiting(storage) == 0
    assert (await host_row(storage, "a.test")).lease_owner is not None


async def test_a_worker_that_stops_gives_its_hosts_back(say, claim, storage):
    """REL-32"""
    await say("x", "a.test")
    await claim("one")
    await storage.write(deliveries.release, "one")
    assert len(await claim("two")) == 1


async def test_new_and_failing_hosts_are_claimed_apart_from_those_that_work(say, claim, settle, clock):
    """FET-17"""
    await say("x", "works.test", "fails.test")
    for one in await claim():
        await settle([one], 202 if one.host == "works.test" else "timeout")
    clock.forward(minutes=1)
    await say("y", "works.test", "fails.test", "new.test")
    assert [one.host for one in await claim(steady=True)] == ["works.test"]
    assert {one.host for one in await claim(steady=False)} == {"fails.test", "new.test"}


async def test_a_discourse_gets_eight_letters_a_minute(say, claim, settle, clock, storage):
    await storage.write(hosts.learn, "discourse.test", "discourse", "3.5")
    for number in range(12):
        await say(f"o{number}", at("discourse.test", "discourse"))
    sent = 0
    for _ in range(24):
        for one in await claim():
            sent += len(one.ready)
            await settle([one], 202)
        clock.forward(seconds=2.5)
    assert sent == 8


async def test_what_was_hidden_while_it_waited_is_not_sent(storage, ana, say, claim, settle):
    """PRV: the predicate of pages is asked again before sending."""
    await say("https://node.test/u/ana", "a.test", type="Update")
    await say("https://node.test/u/ana", "a.test", type="Delete", always=True)

    def suspend(work: Work) -> None:
        work.get_one(Actor, ana).state = "suspended"

    await storage.write(suspend)
    claims = await claim()
    assert claims[0].ready == ()
    await settle(claims)
    [claimed] = await claim()
    assert [ready.type for ready in claimed.ready] == ["Delete"]


# ------------------------------------------------------------------ what became of it


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_what_arrived_is_owed_no_longer(status, say, claim, settle, storage):
    await say("x", "a.test")
    assert [one.fate for one in await settle(await claim(), status)] == ["delivered"]
    assert await waiting(storage) == 0
    row = await host_row(storage, "a.test")
    assert (row.failures, row.last_success_at, row.lease_owner) == (0, storage.now(), None)


@pytest.mark.parametrize("status", sorted(settling.FOR_GOOD))
async def test_what_is_refused_for_good_is_not_sent_again(status, say, claim, settle, storage):
    """REL-30"""
    await say("x", "a.test")
    assert [one.fate for one in await settle(await claim(), status)] == ["refused"]
    assert await waiting(storage) == 0
    assert (await host_row(storage, "a.test")).last_success_at is None


async def test_what_our_own_policy_refuses_is_not_tried_again(say, claim, settle, storage):
    """AUT-37"""
    await say("x", "a.test")
    assert [one.fate for one in await settle(await claim(), "refused")] == ["refused"]
    assert await waiting(storage) == 0


@pytest.mark.parametrize("answer", [500, 502, 503, 408, 418, 301, "timeout", "dns", "tls", "connection", "protocol"])
async def test_all_else_is_tried_again(answer, say, claim, settle, clock, storage):
    """REL-30"""
    await say("x", "a.test")
    assert [one.fate for one in await settle(await claim(), answer)] == ["later"]
    assert await claim() == []
    clock.forward(seconds=10)
    assert len(await claim()) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_who_does_not_let_us_in_is_asked_five_times_in_a_day(status, say, claim, settle, clock, storage):
    """REL-30"""
    await say("x", "a.test")
    begun, fates = clock(), []
    while await waiting(storage):
        if claims := await claim():
            fates += [one.fate for one in await settle(claims, status)]
        else:
            clock.forward(minutes=10)
    assert fates == ["later"] * 4 + ["dropped"]
    assert timedelta(hours=12) < clock() - begun < timedelta(days=1)


async def test_the_pauses_double_from_ten_seconds_to_a_day(say, claim, settle, clock, storage):
    await say("x", "a.test")
    pauses = []
    for _ in range(16):
        await settle(await claim(), "connection")
        next_try = (await host_row(storage, "a.test")).next_try_at
        pauses.append((next_try - clock()).total_seconds())
        clock.moment = next_try
    assert pauses == [10 * 2**n for n in range(14)] + [86400, 86400]


def test_no_two_pauses_are_the_same_and_none_is_over_a_day():
    assert backoff.after(1, lambda: 0.0) == timedelta(seconds=8)
    assert backoff.after(1, lambda: 1.0) == timedelta(seconds=12)
    assert backoff.after(99, lambda: 1.0) == timedelta(days=1)


async def test_a_host_that_asks_us_to_wait_is_left_alone_as_long_and_no_other_is(say, claim, settle, clock):
    """FET-25"""
    await say("x", "a.test", "b.test")
    for one in await claim():
        await settle([one], 429 if one.host == "a.test" else 202, retry_after=900 if one.host == "a.test" else None)
    await say("y", "a.test", "b.test")
    assert [one.host for one in await claim()] == ["b.test"]
    clock.forward(seconds=899)
    assert "a.test" not in [one.host for one in await claim()]
    clock.forward(seconds=1)
    assert "a.test" in [one.host for one in await claim()]


async def test_too_many_requests_says_nothing_against_a_delivery(say, claim, settle, clock, storage):
    await say("x", "a.test")
    for _ in range(30):
        await settle(await claim(), 429, retry_after=1)
        clock.moment = (await host_row(storage, "a.test")).next_try_at
    assert await storage.read(queues.parked) == []
    [claimed] = await claim()
    assert claimed.ready[0].attempts == 0


async def test_a_clock_that_went_astray_does_not_hold_anything_up(say, claim, settle, clock):
    """REL-31"""
    await say("x", "a.test")
    clock.forward(days=400)
    await settle(await claim(), "timeout")
    clock.forward(days=-400)
    assert len(await claim()) == 1


# ------------------------------------------------------------------ poison


async def test_a_poison_delivery_is_parked_while_the_others_flow(say, claim, settle, clock, storage):
    """REL-20: one activity that a peer cannot digest must not stop all that follow."""
    await say("poison", "a.test")
    sent = 0
    for number in range(25):
        await say(f"fine{number}", "a.test")
        for one in await claim():
            answers = tuple(500 if ready.about == "poison" else 202 for ready in one.ready)
            sent += answers.count(202)
            await settle([one], *answers, 0)
        clock.forward(minutes=10)
    assert sent == 25
    [parked] = await storage.read(queues.parked)
    assert (parked.about, parked.attempts, parked.why) == ("poison", settling.POISON_TRIES, "500")
    assert await waiting(storage) == 0
    await storage.write(queues.unpark, parked.id)
    [claimed] = await claim()
    assert claimed.ready[0].about == "poison"


async def test_a_host_that_is_down_gets_nothing_parked(say, claim, settle, clock, storage):
    await say("x", "a.test")
    for _ in range(25):
        await settle(await claim(), 502)
        clock.moment = (await host_row(storage, "a.test")).next_try_at
    assert await storage.read(queues.parked) == []


async def test_what_fails_alone_goes_behind_what_never_failed(say, claim, settle, clock, storage):
    await say("poison", "a.test")
    for _ in range(deliveries.SUSPECT):
        await settle(await claim(), "timeout")
        clock.forward(days=1)
    await say("fine", "a.test")
    [claimed] = await claim()
    assert [ready.about for ready in claimed.ready] == ["fine", "poison"]


# ------------------------------------------------------------------ life and death


async def fail_for(days: float, host: str, claim, settle, clock, storage) -> None:
    until = clock() + timedelta(days=days)
    while clock() < until:
        await settle(await claim(), "timeout")
        clock.moment = (await host_row(storage, host)).next_try_at


async def test_a_host_is_dead_after_seven_days_without_a_word(say, claim, settle, clock, storage):
    """REL-28, DOS-24"""
    await say("x", "a.test")
    await fail_for(6, "a.test", claim, settle, clock, storage)
    assert (await host_row(storage, "a.test")).state == "live"
    await fail_for(2, "a.test", claim, settle, clock, storage)
    assert (await host_row(storage, "a.test")).state == "dead"
    assert (await storage.read(queues.counts)).hosts_dead == 1


async def test_a_host_that_speaks_to_us_is_not_dead_and_a_dead_one_lives_again(say, claim, settle, clock, storage):
    """REL-28"""
    await say("x", "a.test")
    await fail_for(6, "a.test", claim, settle, clock, storage)
    await storage.write(hosts.heard_from, "a.test")
    await fail_for(2, "a.test", claim, settle, clock, storage)
    assert (await host_row(storage, "a.test")).state == "live"
    await fail_for(6, "a.test", claim, settle, clock, storage)
    assert (await host_row(storage, "a.test")).state == "dead"
    await storage.write(hosts.heard_from, "a.test")
    assert (await host_row(storage, "a.test")).state == "live"
    await settle(await claim(), 202)
    assert await waiting(storage) == 0


async def test_its_letters_do_not_make_us_knock_at_a_closed_door_each_time(say, claim, settle, clock, storage):
    await say("x", "a.test")
    await fail_for(1, "a.test", claim, settle, clock, storage)
    await settle(await claim(), "timeout")
    await storage.write(hosts.heard_from, "a.test")
    assert await claim() == []
    clock.forward(minutes=1)
    assert len(await claim()) == 1


async def test_what_could_not_be_delivered_in_fourteen_days_is_given_up(say, clock, storage):
    await say("x", "a.test", "b.test")
    clock.forward(days=13)
    await say("y", "a.test")
    assert await storage.write(queues.drop_old) == []
    clock.forward(days=1)
    assert await storage.write(queues.drop_old) == [("a.test", 1), ("b.test", 1)]
    assert await waiting(storage) == 1


async def test_a_week_s_outage_loses_nothing_and_keeps_the_order(say, claim, settle, clock, storage):
    """REL-28, REL-29"""
    await say("x", "a.test")
    await say("x", "a.test", type="Update")
    await fail_for(6, "a.test", claim, settle, clock, storage)
    for number in range(40):
        await say(f"o{number}", "a.test")
    order = []
    while claims := await claim():
        assert len(claims[0].ready) <= deliveries.ROUND
        order += [(ready.about, ready.type) for ready in claims[0].ready]
        await settle(claims, 202)
    assert len(order) == 42
    assert order.index(("x", "Create")) < order.index(("x", "Update"))


async def test_an_inbox_that_is_gone_takes_its_follower_along(storage, ana, say, claim, settle):
    """REL-30"""

    def follow(work: Work) -> tuple[int, int]:
        bo = someone(work, "https://a.test/u/bo")
        eve = someone(work, "https://a.test/u/eve", shared="https://a.test/shared")
        for follower in (bo, eve):
            work.add(Follow(follower_id=follower.id, target_id=ana, state="accepted", created_at=work.now))
        return bo.id, eve.id

    _, eve = await storage.write(follow)
    await say("x", Inbox("https://a.test/u/bo/inbox", "a.test", "microblog"))
    await say("y", Inbox("https://a.test/shared", "a.test", "microblog"))
    await settle(await claim(), 410)
    assert await waiting(storage) == 0
    assert [actor.id for actor in await storage.read(people.followers, ana)] == [eve]


async def test_the_signature_that_a_host_took_is_remembered_and_no_other(say, claim, settle, storage):
    await say("x", "a.test")
    await settle(await claim(), 400, scheme="rfc9421")
    assert (await host_row(storage, "a.test")).signature == "cavage"
    await say("y", "a.test")
    await settle(await claim(), 202, scheme="rfc9421")
    await say("z", "a.test")
    [claimed] = await claim()
    assert claimed.scheme == "rfc9421"


# ------------------------------------------------------------------ what the admin sees


async def test_the_admin_sees_who_waits_for_what_and_why_and_can_try_again(say, claim, settle, storage):
    await say("x", "a.test", "b.test")
    await say("y", "b.test")
    await settle(await claim(), "dns")
    queue = (await storage.read(queues.by_host))[0]
    assert (queue.host, queue.waiting, queue.failures, queue.last_error) == ("b.test", 2, 1, "dns")
    assert await storage.read(queues.by_about, ["x", "y", "z"]) == {"x": 2, "y": 1}
    assert await storage.read(queues.servers_behind, ["x", "y"]) == 2
    assert await claim() == []
    assert await storage.write(queues.retry, "b.test") == 2
    assert [one.host for one in await claim()] == ["b.test"]


# ------------------------------------------------------------------ hosts


@pytest.mark.parametrize(
    ("software", "dialect"),
    [("lemmy", "forum"), ("PieFed", "forum"), ("mbin", "forum"), ("nodebb", "forum"), ("lotide", "forum"),
     ("discourse", "discourse"), ("mastodon", "microblog"), ("gotosocial", "microblog"), ("never-heard", "microblog")],
)  # fmt: skip
async def test_a_host_is_spoken_to_as_its_software_reads(storage, software, dialect):
    await storage.write(hosts.learn, "a.test", software, "1.0")
    assert (await host_row(storage, "a.test")).dialect == dialect


async def test_the_dialect_changes_with_the_software_and_stays_where_the_admin_set_it(storage):
    await storage.write(hosts.learn, "a.test", "lemmy", "0.19")
    await storage.write(hosts.learn, "a.test", "mastodon", "4.5")
    assert (await host_row(storage, "a.test")).dialect == "microblog"
    await storage.write(hosts.set_dialect, "a.test", "forum")
    await storage.write(hosts.learn, "a.test", "gotosocial", "0.20")
    assert (await host_row(storage, "a.test")).dialect == "forum"
    await storage.write(hosts.set_dialect, "a.test", None)
    assert (await host_row(storage, "a.test")).dialect == "microblog"


async def test_a_block_covers_subdomains_and_ports_and_can_be_taken_back(storage):
    """PRV-13"""
    await storage.write(hosts.block, "evil.test", "spam")
    for host in ("evil.test", "a.b.evil.test", "evil.test:8443"):
        assert await storage.read(hosts.is_blocked, host)
    for host in ("notevil.test", "evil.test.example", "test"):
        assert not await storage.read(hosts.is_blocked, host)
    await storage.write(hosts.unblock, "evil.test")
    assert not await storage.read(hosts.is_blocked, "evil.test")


async def test_a_failed_fetch_is_remembered_until_its_time(storage, clock):
    url = "https://a.test/x"
    await storage.write(hosts.remember_failure, url, clock() + timedelta(minutes=2), "gone")
    await storage.write(hosts.remember_failure, url, clock() + timedelta(minutes=5), "unreachable")
    assert await storage.read(hosts.failure_of, url) == "unreachable"
    clock.forward(minutes=5)
    assert await storage.read(hosts.failure_of, url) is None
    await storage.write(hosts.forget_failures)


async def test_a_dead_host_is_asked_once_a_day(storage, clock):
    def kill(work: Work) -> None:
        hosts.get_or_make(work, "dead.test").state = "dead"

    await storage.write(kill)
    assert await storage.read(hosts.dead_to_ask) == ["dead.test"]
    assert await storage.write(hosts.begin_asking, "dead.test")
    assert not await storage.write(hosts.begin_asking, "dead.test")
    assert await storage.read(hosts.dead_to_ask) == []
    clock.forward(days=1)
    assert await storage.read(hosts.dead_to_ask) == ["dead.test"]
