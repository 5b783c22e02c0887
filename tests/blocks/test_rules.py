"""Which limit holds for a host: an admin's nearest word, the mode of the node, lists; and the rows follow it."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from node.forum import block_lists as rules
from node.forum import servers
from node.forum.block_lists import read_list
from node.forum.errors import Invalid
from node.forum.host_names import host_name
from storage import deliveries, hosts, limits
from storage.limits import Limits, Listed, Word
from storage.people import Inbox
from storage.schema import Act, Activity, Actor, Delivery, Fact, GivenUp, Host, Letter
from storage.work import Storage, Work

ORIGIN = "https://node.test"


def said(**words: str) -> dict[str, Word]:
    """'blocked', 'silenced' or 'allowed' of each host, whose name has underscores for dots."""
    at = "2026-01-01"
    return {
        host.replace("_", "."): Word(
            at if word == "blocked" else None, "", at if word == "silenced" else None, "",  # type: ignore[arg-type]
            at if word == "allowed" else None,  # type: ignore[arg-type]
        )
        for host, word in words.items()
    }  # fmt: skip


def kind(host: str, mode: str = "open", lists: dict[str, str] | None = None, **words: str) -> str | None:
    listed = {name: Listed(how, "list", "") for name, how in (lists or {}).items()}
    return Limits("node.test", mode, said(**words), listed).of(host).kind


def test_a_limit_meets_subdomains_and_ports_and_nothing_beside_them() -> None:
    """PRV-13, UID-02"""
    for host in ("evil.test", "a.b.evil.test", "evil.test:8443", "a.evil.test:81"):
        assert kind(host, evil_test="blocked") == "suspend"
    for host in ("notevil.test", "evil.test.example", "test", "node.test"):
        assert kind(host, evil_test="blocked") is None


def test_the_nearest_word_of_an_admin_goes_first() -> None:
    assert kind("good.evil.test", evil_test="blocked", good_evil_test="allowed") is None
    assert kind("x.good.evil.test", evil_test="blocked", good_evil_test="silenced") == "silence"
    assert kind("bad.evil.test", evil_test="allowed", bad_evil_test="blocked") == "suspend"


def test_an_admins_word_goes_before_every_list() -> None:
    lists = {"evil.test": "suspend", "sub.fine.test": "suspend"}
    assert kind("evil.test", lists=lists) == "suspend"
    assert kind("evil.test", lists=lists, evil_test="allowed") is None
    assert kind("evil.test", lists=lists, evil_test="silenced") == "silence"
    assert kind("sub.fine.test", lists=lists, fine_test="allowed") is None


def test_of_several_lists_the_hardest_counts() -> None:
    assert kind("a.evil.test", lists={"a.evil.test": "silence", "evil.test": "suspend"}) == "suspend"
    assert kind("evil.test", lists={"evil.test": "silence"}) == "silence"


def test_on_an_allow_list_only_allowed_hosts_are_let_in() -> None:
    assert kind("a.test", "allow-list") == "suspend"
    assert kind("a.test", "allow-list", a_test="allowed") is None
    assert kind("sub.a.test", "allow-list", a_test="allowed") is None
    assert kind("sub.a.test", "allow-list", a_test="allowed", sub_a_test="silenced") == "silence"
    assert kind("a.test", "allow-list", a_test="silenced") == "suspend"
    assert kind("a.test", "allow-list", lists={"a.test": "silence"}) == "suspend"
    assert kind("node.test", "allow-list") is None


@pytest.mark.parametrize(
    "given",
    ["evil.test", "EVIL.test", "evil.test.", "evil.test:443", "https://evil.test/about", " @evil.test "],
)
def test_one_host_has_one_name_however_it_is_written(given: str) -> None:
    """UID-02"""
    assert host_name(given) == "evil.test"


def test_an_international_name_is_its_punycode() -> None:
    """UID-02"""
    assert host_name("bücher.test") == host_name("BÜCHER.test") == host_name("xn--bcher-kva.test")


@pytest.mark.parametrize(
    "given",
    ["", " ", "a b.test", "evil..test", ".test", "-a.test", "a@b.test", "evil。test", "evil.test:0", "evil.test:x",
     "evil.test:70000", "a_b.test", "*.evil.test", "a" * 64 + ".test", "[::1", "\0.test"],
)  # fmt: skip
def test_what_is_no_hosts_name_is_refused(given: str) -> None:
    with pytest.raises(Invalid):
        host_name(given)


# ------------------------------------------------------------------ rows


async def limit_of(storage: Storage, host: str) -> str | None:
    return await storage.read(lambda work: limits.kind_of(work, host))


def is_true_to_the_rule(work: Work) -> bool:
    """What is written down of each host is what the rule says of it."""
    known = limits.known(work)
    return all(known.of(host).kind == kind for host, kind in work.execute(select(Host.host, Host.limit)))


NAMES = ("a.test", "x.a.test", "y.x.a.test", "b.test", "b.test:8443")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("block", "unblock", "silence", "unsilence", "allow", "disallow", "meet", "list", "mode")),
        st.sampled_from(NAMES),
        st.sampled_from(("suspend", "silence")),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_whatever_is_said_in_whatever_order_every_row_follows_the_rule(storage: Storage, steps: object) -> None:
    def act(work: Work, what: str, name: str, limit: str) -> None:
        if what == "meet":
            hosts.make(work, [name])
        elif what == "list":
            for row in rules.block_lists.rows(work):
                rules.remove(work, None, row.name)
            rules.add(work, None, "L", rules.Read({name: (limit, "")}))
        elif what == "mode":
            limits.set_mode(work, "allow-list" if limits.mode(work) == "open" else "open")
        else:
            servers.ACTS[what](work, None, name, "because")

    for what, name, limit in steps:  # type: ignore[attr-defined]
        await storage.write(act, what, name, limit)
        assert await storage.read(is_true_to_the_rule)


async def test_a_new_host_is_limited_from_its_first_row_on(storage: Storage) -> None:
    await storage.write(servers.block, None, "evil.test", "spam")
    await storage.write(hosts.make, ["new.evil.test", "fine.test"])
    assert await limit_of(storage, "new.evil.test") == "suspend"
    assert await limit_of(storage, "fine.test") is None


async def test_a_host_met_while_its_domain_is_being_blocked_is_blocked_too(storage: Storage) -> None:
    await asyncio.gather(
        *(storage.write(hosts.make, [f"h{number}.evil.test"]) for number in range(10)),
        storage.write(servers.block, None, "evil.test", "spam"),
        *(storage.write(hosts.make, [f"i{number}.evil.test"]) for number in range(10)),
    )
    assert await storage.read(is_true_to_the_rule)
    assert await limit_of(storage, "h3.evil.test") == "suspend"


async def test_our_own_host_is_never_limited(storage: Storage) -> None:
    for name in ("node.test", "NODE.test.", "https://node.test/"):
        with pytest.raises(Invalid):
            await storage.write(servers.block, None, name, "")


async def test_every_act_is_kept_with_its_reason(storage: Storage) -> None:
    for verb in servers.ACTS:
        await storage.write(servers.ACTS[verb], None, "evil.test", f"why {verb}")
    acts = await storage.read(lambda work: [(act.verb, act.about, act.reason) for act in work.scalars(select(Act))])
    assert acts == [(verb, "evil.test", f"why {verb}") for verb in servers.ACTS]


async def test_what_waits_to_go_to_a_blocked_host_is_kept_as_given_up(storage: Storage) -> None:
    def owe(work: Work) -> None:
        ana = Actor(
            uri=f"{ORIGIN}/u/ana", kind="person", local=True, host="node.test", name="ana",
            inbox=f"{ORIGIN}/u/ana/inbox", created_at=work.now, updated_at=work.now,
        )  # fmt: skip
        work.add(ana)
        work.flush()
        to = [Inbox(f"https://{host}/inbox", host, "microblog") for host in ("evil.test", "sub.evil.test", "fine.test")]
        deliveries.enqueue(
            work, uri=f"{ORIGIN}/a/1", actor_id=ana.id, type="Create", about="x", public=True, microblog=b"{}",
            forum=None, to=to,
        )  # fmt: skip

    await storage.write(owe)
    await storage.write(servers.block, None, "evil.test", "spam")

    def look(work: Work) -> tuple[list[str], list[tuple[str, str]], int]:
        return (
            list(work.scalars(select(Delivery.host))),
            sorted((row.host, row.fate) for row in work.scalars(select(GivenUp))),
            work.scalars(select(Activity.given_up)).one(),
        )

    assert await storage.read(look) == (["fine.test"], [("evil.test", "blocked"), ("sub.evil.test", "blocked")], 2)


async def test_a_letter_that_waits_is_put_aside_while_its_server_is_blocked(storage: Storage) -> None:
    def come(work: Work) -> None:
        hosts.make(work, ["evil.test"])
        work.add(
            Letter(
                signer="https://evil.test/u/eve", digest="0" * 64, key_id="k", host="evil.test", body=b"{}",
                next_try_at=work.now, received_at=work.now,
            )
        )  # fmt: skip

    def state(work: Work) -> str:
        return work.scalars(select(Letter.state)).one()

    await storage.write(come)
    await storage.write(servers.block, None, "evil.test", "spam")
    assert await storage.read(state) == "parked"
    await storage.write(servers.unblock, None, "evil.test", "")
    assert await storage.read(state) == "waiting"


async def test_the_setting_of_the_node_is_written_down_once(storage: Storage) -> None:
    await storage.write(hosts.make, ["a.test", "b.test"])
    await storage.write(hosts.allow, "b.test")
    assert await storage.write(limits.set_mode, "allow-list")
    assert not await storage.write(limits.set_mode, "allow-list")
    assert [await limit_of(storage, host) for host in ("a.test", "sub.b.test", "c.test")] == [
        "suspend",
        None,
        "suspend",
    ]
    assert await storage.write(limits.set_mode, "open")
    assert await limit_of(storage, "a.test") is None
    assert await storage.read(lambda work: work.get_one(Fact, "federation").value) == "open"


async def test_our_limits_go_out_in_mastodons_form_and_come_back_the_same(storage: Storage) -> None:
    await storage.write(servers.block, None, "evil.test", 'spam, "ads"')
    await storage.write(servers.silence, None, "loud.test", "=1+1")
    await storage.write(servers.allow, None, "fine.test", "")
    words = await storage.read(servers.export)
    assert words.splitlines()[0] == "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate"
    back = read_list(words.encode(), origin="https://other.test")
    assert back.listed == {"evil.test": ("suspend", 'spam, "ads"'), "loud.test": ("silence", "'=1+1")}
