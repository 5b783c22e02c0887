"""A Loomio export comes in whole, once, quietly, and without its secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Table as SqlTable
from sqlalchemy import func, select

from node.forum import people as forum_people
from node.forum import threads as forum_threads
from node.forum.errors import NotAllowed
from node.forum.imports import Source
from node.forum.people import Profile
from node.imports import loomio, loomio_file
from node.imports.loomio import Report
from node.imports.loomio_file import BadExport, Export
from storage import console, imports, pages, people, queues, threads
from storage.console import ItemRow
from storage.schema import Comment, Reaction, Table
from storage.work import Storage, Work
from tests.equipment.nodes import Moot

LOOMIO = Source("loomio")

GROUP = {
    "id": 1, "key": "gRoUpKey", "handle": "bike-kitchen", "name": "The bike kitchen", "parent_id": None,
    "description": "We **mend** bikes.", "description_format": "md", "is_visible_to_public": True,
    "discussion_privacy_options": "public_only", "membership_granted_upon": "approval",
    "created_at": "2016-05-01T09:00:00Z",
}  # fmt: skip


def user(id: int, username: str | None, name: str | None, **more: Any) -> tuple[str, dict[str, Any]]:
    return "users", {"id": id, "username": username, "name": name, "email": f"u{id}@mail.example"} | more


def discussion(id: int, key: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "discussions", {
        "id": id, "key": key, "group_id": 1, "title": "Which pump?", "description": "Ours leaks, @jo.marsh says.",
        "description_format": "md", "author_id": 11, "private": False, "created_at": "2019-03-01T10:00:00Z",
        "seen_by_count": 5,
    } | more  # fmt: skip


def comment(id: int, parent: tuple[str | None, int | None], body: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "comments", {
        "id": id, "discussion_id": 90, "body": body, "body_format": "md", "user_id": 12, "parent_type": parent[0],
        "parent_id": parent[1], "created_at": f"2019-03-01T10:{id % 60:02d}:00.250Z", "edited_at": None,
        "discarded_at": None,
    } | more  # fmt: skip


def event(id: int, comment_id: int, sequence_id: int, **more: Any) -> tuple[str, dict[str, Any]]:
    return "events", {
        "id": id, "kind": "new_comment", "eventable_type": "Comment", "eventable_id": comment_id, "discussion_id": 90,
        "sequence_id": sequence_id,
    } | more  # fmt: skip


OPENING = ("Discussion", 90)

SAMPLE = [
    ("groups", GROUP),
    user(11, "jo.marsh", "Jo Marsh", api_key="KEY-OF-JO", encrypted_password="HASH-OF-JO", last_sign_in_ip="1.2.3.4"),
    user(12, "sam2", "Sam"),
    user(13, None, None),
    ("memberships", {"id": 1, "group_id": 1, "user_id": 11, "admin": True, "accepted_at": "2017-01-01T00:00:00Z"}),
    ("memberships", {"id": 2, "group_id": 1, "user_id": 12, "accepted_at": None, "token": "JOIN-TOKEN"}),
    discussion(90, "dIsCuSs1"),
    # Out of order, as an export may be: the answer before what it answers.
    comment(702, ("Comment", 701), "Mine too, @sam2."),
    comment(701, OPENING, "1. oil it\n2. <b>swear</b> at it\n\nhttps://pumps.example/manual", user_id=11),
    comment(703, OPENING, "Said and regretted", discarded_at="2019-03-02T00:00:00Z"),
    comment(704, ("Comment", 703), "I saw that"),
    comment(705, OPENING, '<p onclick="x()">Ask <span class="mention" data-mention-id="jo.marsh">@Jo</span></p>',
            body_format="html", user_id=99),
    event(1, 701, 1), event(2, 702, 4), event(3, 703, 2), event(4, 704, 5), event(5, 705, 7),
    event(6, 0, 9, kind="poll_created", eventable_type="Poll", eventable_id=3),
    ("reactions", {"id": 1, "reactable_type": "Comment", "reactable_id": 701, "user_id": 12, "reaction": "+1"}),
    ("reactions", {"id": 2, "reactable_type": "Comment", "reactable_id": 701, "user_id": 12, "reaction": ":thumbsup:"}),
    ("reactions", {"id": 3, "reactable_type": "Discussion", "reactable_id": 90, "user_id": 11, "reaction": "tada"}),
    ("discussion_readers", {"id": 1, "discussion_id": 90, "user_id": 11, "last_read_at": "2019-03-03T00:00:00Z"}),
    ("polls", {"id": 3, "key": "pOlLkEy1", "title": "Buy one?", "discussion_id": 90, "admin_token": "POLL-TOKEN"}),
    ("login_tokens", {"id": 1, "user_id": 11, "code": 123456, "token": "SIGN-IN"}),
]  # fmt: skip


def lines(*records: tuple[str, dict[str, Any]]) -> list[bytes]:
    return [json.dumps({"table": table, "record": record}).encode() + b"\n" for table, record in records]


def export(*records: tuple[str, dict[str, Any]]) -> Export:
    return loomio_file.read(lines(*records))


async def take(storage: Storage, *records: tuple[str, dict[str, Any]], source: Source = LOOMIO) -> Report:
    return await loomio.bring_in(storage, export(*records), source, lambda done: None)


def everything(work: Work) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    tables: Iterator[SqlTable] = iter(Table.metadata.sorted_tables)
    return {
        table.name: [tuple(row) for row in work.execute(select(table).order_by(*table.primary_key.columns))]
        for table in tables
    }


async def shown(storage: Storage, key: str = "dIsCuSs1") -> list[ItemRow]:
    def look(work: Work) -> list[ItemRow]:
        alias = threads.alias(work, "loomio:d", key)
        assert alias is not None and alias.thread_id is not None
        return console.items(work, alias.thread_id)

    return await storage.read(look)


# ------------------------------------------------------------------ what comes in


async def test_a_thread_comes_in_whole_and_in_its_order(storage: Storage) -> None:
    await take(storage, *SAMPLE)
    items = await shown(storage)
    assert [(item.number, item.depth, item.author, item.state) for item in items] == [
        (0, 0, "jo_marsh", "visible"),
        (1, 1, "jo_marsh", "visible"),
        (4, 2, "sam2", "visible"),
        (2, 1, "sam2", "deleted"),
        (5, 2, "sam2", "visible"),
        (7, 1, "former_member", "visible"),
    ]
    assert items[1].published_at == datetime(2019, 3, 1, 10, 41, 0, 250_000, tzinfo=UTC)
    assert "<ol>" in items[1].html and "&lt;b&gt;" in items[1].html
    assert '<a href="https://pumps.example/manual"' in items[1].html
    assert items[1].likes == 1


async def test_old_names_in_old_words_lead_to_the_people_who_had_them(storage: Storage) -> None:
    def make(work: Work) -> None:
        forum_people.create_person(work, "sam2", display_name="Another Sam")

    await storage.write(make)
    await take(storage, *SAMPLE)
    items = await shown(storage)
    assert 'href="https://node.test/u/jo_marsh"' in items[0].html
    assert 'href="https://node.test/u/sam2_2"' in items[2].html

    def mentions(work: Work) -> Any:
        found = threads.comment_by_uri(work, items[2].uri)
        return found.mentions if found is not None else None

    assert await storage.read(mentions) == [["https://node.test/u/sam2_2", "sam2_2@node.test"]]


async def test_html_passes_the_sanitizer_and_keeps_its_mentions(storage: Storage) -> None:
    """An old editor's HTML is as foreign as another server's."""
    await take(storage, *SAMPLE)
    last = (await shown(storage))[-1]
    assert "onclick" not in last.html
    assert 'href="https://node.test/u/jo_marsh"' in last.html


async def test_what_was_deleted_there_has_no_words_here(storage: Storage) -> None:
    await take(storage, *SAMPLE)
    rows = await storage.read(everything)
    assert "regretted" not in repr(rows)


async def test_old_addresses_lead_to_the_thread_the_comment_the_group_and_the_person(storage: Storage) -> None:
    await take(storage, *SAMPLE)

    def aliases(work: Work) -> list[bool]:
        wanted = (
            ("loomio:d", "dIsCuSs1", "thread_id"),
            ("loomio:c", "702", "comment_id"),
            ("loomio:g", "gRoUpKey", "actor_id"),
            ("loomio:g", "bike-kitchen", "actor_id"),
            ("loomio:u", "jo.marsh", "actor_id"),
        )
        found = [(threads.alias(work, kind, key), field) for kind, key, field in wanted]
        return [getattr(alias, field) is not None for alias, field in found]

    assert all(await storage.read(aliases))


async def test_seen_by_and_membership_are_taken_and_invitations_are_not(storage: Storage) -> None:
    report = await take(storage, *SAMPLE)

    def look(work: Work) -> tuple[int, int]:
        [thread] = console.threads(work)
        [group] = console.groups(work)
        return thread.seen, group.members

    assert await storage.read(look) == (5, 1)
    assert report.left["memberships: invited, not accepted"] == 1


async def test_reactions_are_folded_per_person_and_kind(storage: Storage) -> None:
    await take(storage, *SAMPLE)
    kinds = await storage.read(lambda work: sorted(work.scalars(select(Reaction.kind))))
    assert kinds == ["like", "🎉"]


async def test_the_next_number_was_never_anything_elses(storage: Storage) -> None:
    """Loomio counted the poll as item 9; a link to it must not lead to what is said tomorrow."""
    await take(storage, *SAMPLE)

    def answer(work: Work) -> int:
        jo = people.by_name(work, "jo_marsh")
        [thread] = console.threads(work)
        found = threads.by_uid(work, thread.uid)
        assert jo is not None and found is not None
        words = forum_threads.compose(work, "Bought one.")
        return forum_threads.post_comment(work, jo, threads.opening(work, found.id), words).number

    assert await storage.write(answer) == 10


async def test_an_import_makes_nobody_active_now(storage: Storage) -> None:
    await take(storage, *SAMPLE)
    assert await storage.read(lambda work: people.count_active(work, days=180)) == 0


async def test_people_who_were_not_asked_are_not_put_into_directories(storage: Storage) -> None:
    await take(storage, *SAMPLE)
    jo = await storage.read(people.by_name, "jo_marsh")
    assert jo is not None and not jo.discoverable and not jo.indexable


async def test_a_comment_without_words_names_its_files(storage: Storage) -> None:
    file = {"id": 5, "record_type": "Comment", "record_id": 701, "filename": "plan.pdf", "url": "https://old.example/x"}
    report = await take(
        storage, ("groups", GROUP), discussion(90, "dIsCuSs1"), comment(701, OPENING, ""), ("attachments", file)
    )
    assert (await shown(storage))[1].html == "<p>[plan.pdf]</p>\n"
    assert any("1 files are still on the old server" in advice for advice in report.advice)


# ------------------------------------------------------------------ generations


async def test_threads_of_2026_are_read_through_their_topics(storage: Storage) -> None:
    await take(
        storage,
        ("groups", GROUP),
        user(11, "jo", "Jo"),
        ("discussions", {"id": 90, "key": "dIsCuSs1", "title": "Tools", "description": "", "author_id": 11,
                         "topic_id": 55, "created_at": "2026-08-01T10:00:00Z"}),
        ("topics", {"id": 55, "topicable_type": "Discussion", "topicable_id": 90, "group_id": 1, "private": False,
                    "locked_at": "2026-09-01T10:00:00Z", "seen_by_count": 7, "tags": ["tools"]}),
        ("comments", {"id": 701, "body": "A vice", "user_id": 11, "parent_type": "Discussion", "parent_id": 90,
                      "created_at": "2026-08-01 11:00:00 UTC"}),
        ("topic_items", {"id": 1, "topic_id": 55, "kind": "new_comment", "itemable_type": "Comment",
                         "itemable_id": 701, "sequence_id": 3}),
        ("topic_readers", {"id": 1, "topic_id": 55, "user_id": 11, "last_read_at": "2026-08-02T10:00:00Z"}),
    )  # fmt: skip
    [thread] = await storage.read(console.threads)
    assert (thread.title, thread.private, thread.locked, thread.seen, thread.comments) == ("Tools", False, True, 7, 1)
    assert [item.number for item in await shown(storage)] == [0, 3]


async def test_the_first_years_knew_parents_of_comments_only(storage: Storage) -> None:
    await take(
        storage,
        ("groups", GROUP | {"type": "FormalGroup"}),
        user(12, "sam2", "Sam"),
        discussion(90, "dIsCuSs1"),
        comment(701, (None, None), "First"),
        comment(702, (None, 701), "Second"),
        event(1, 701, 1),
        event(2, 702, 2),
    )
    assert [item.depth for item in await shown(storage)] == [0, 1, 2]


async def test_a_circle_of_parents_is_broken(storage: Storage) -> None:
    await take(
        storage, ("groups", GROUP), discussion(90, "dIsCuSs1"),
        comment(701, ("Comment", 702), "Chicken"), comment(702, ("Comment", 701), "Egg"),
    )  # fmt: skip
    assert len(await shown(storage)) == 3


async def test_an_answer_to_a_vote_hangs_below_the_opening(storage: Storage) -> None:
    await take(
        storage, ("groups", GROUP), discussion(90, "dIsCuSs1"),
        ("polls", {"id": 3, "discussion_id": 90}), ("stances", {"id": 8, "poll_id": 3, "reason": "Cheaper"}),
        ("comments", {"id": 701, "body": "How so?", "user_id": 12, "parent_type": "Stance", "parent_id": 8}),
    )  # fmt: skip
    assert [item.depth for item in await shown(storage)] == [0, 1]


# ------------------------------------------------------------------ what stays private


@pytest.mark.parametrize(
    ("group", "thread"),
    [
        ({}, {"private": True}),
        ({"discussion_privacy_options": "private_only"}, {"private": False}),
        ({"discussion_privacy_options": "public_or_private"}, {"private": None}),
        ({"is_visible_to_public": False}, {"private": False}),
    ],
)
async def test_a_private_discussion_stays_private(
    storage: Storage, group: dict[str, Any], thread: dict[str, Any]
) -> None:
    await take(storage, ("groups", GROUP | group), user(11, "jo", "Jo"), discussion(90, "dIsCuSs1", **thread))
    [row] = await storage.read(console.threads)
    assert row.private
    assert await storage.read(lambda work: pages.cards(work, viewer=None)) == []


async def test_a_group_that_nobody_outside_saw_is_secret_here(storage: Storage) -> None:
    hidden = GROUP | {"is_visible_to_public": False, "membership_granted_upon": "invitation"}
    await take(storage, ("groups", hidden))
    [group] = await storage.read(console.groups)
    assert group.privacy == "secret"


async def test_no_secret_and_no_mail_address_is_in_the_database(storage: Storage) -> None:
    report = await take(storage, *SAMPLE)
    kept = repr(await storage.read(everything))
    for secret in ("KEY-OF-JO", "HASH-OF-JO", "1.2.3.4", "JOIN-TOKEN", "POLL-TOKEN", "SIGN-IN", "u11@mail.example"):
        assert secret not in kept, secret
    assert report.secrets["users.api_key"] == 1 and report.secrets["login_tokens"] == 1


async def test_a_secret_inside_of_a_record_is_dropped_too(storage: Storage) -> None:
    await take(storage, ("webhook_notes", {"id": 1, "info": {"deep": [{"access_token": "DEEP-TOKEN"}]}}))
    assert "DEEP-TOKEN" not in repr(await storage.read(everything))


# ------------------------------------------------------------------ again, and again


async def test_taken_twice_it_changes_nothing(storage: Storage) -> None:
    await take(storage, *SAMPLE)
    before = await storage.read(everything)
    report = await take(storage, *SAMPLE)
    assert await storage.read(everything) == before
    assert not report.taken and report.known["comments"] == 5


async def test_an_import_that_was_broken_off_goes_on(storage: Storage) -> None:
    """A crash in the middle is any prefix of the pieces; here it comes after the people."""

    class PowerCut(Exception):
        pass

    done = 0

    def cut(steps: int) -> None:
        nonlocal done
        done += steps
        if done >= 7:
            raise PowerCut

    with pytest.raises(PowerCut):
        await loomio.bring_in(storage, export(*SAMPLE), LOOMIO, cut)
    await take(storage, *SAMPLE)
    assert len(await shown(storage)) == 6
    assert len(await storage.read(console.people)) == 4


async def test_a_rehearsal_writes_nothing_and_says_the_same(storage: Storage) -> None:
    before = await storage.read(everything)
    rehearsed = await loomio.rehearse(storage, export(*SAMPLE), LOOMIO)
    assert await storage.read(everything) == before
    done = await take(storage, *SAMPLE)
    assert (rehearsed.taken, rehearsed.kept, rehearsed.left) == (done.taken, done.kept, done.left)


async def test_the_same_people_in_two_files_are_the_same_people(storage: Storage) -> None:
    await take(storage, *SAMPLE)
    other = GROUP | {"id": 2, "key": "oThErKey", "handle": "garden"}
    await take(storage, ("groups", other), user(11, "jo.marsh", "Jo Marsh"), user(12, "sam2", "Sam"))
    names = {row.name for row in await storage.read(console.people)}
    assert names == {"jo_marsh", "sam2", "member", "former_member"}


async def test_two_loomios_share_people_by_mail_address_alone(storage: Storage) -> None:
    await take(storage, *SAMPLE)
    other = [
        ("groups", GROUP | {"key": "oThErKey", "handle": "choir"}),
        user(11, "zoe", "Zoe", email="zoe@mail.example"),
        user(12, "jomarsh", "Jo", email="U11@mail.example "),
    ]
    with pytest.raises(NotAllowed, match="another Loomio"):
        await take(storage, *other)
    await take(storage, *other, source=Source("loomio/choir"))
    assert [row.name for row in await storage.read(console.people)] == [
        "former_member", "jo_marsh", "member", "sam2", "zoe",
    ]  # fmt: skip


async def test_a_handle_of_somebody_here_is_not_taken_over(storage: Storage) -> None:
    await storage.write(lambda work: forum_people.create_person(work, "bike_kitchen").id)
    await take(storage, *SAMPLE)
    [group] = await storage.read(console.groups)
    assert group.name == "bike_kitchen_2"


# ------------------------------------------------------------------ what is not understood


async def test_what_is_not_understood_is_kept_and_told(storage: Storage) -> None:
    report = await take(storage, *SAMPLE, ("tags", {"id": 4, "name": "urgent"}), user(14, "kim", "Kim", shoe_size=41))
    assert report.kept["tags"] == 1 and report.kept["polls"] == 1 and report.kept["events"] == 1
    assert report.not_used["users.shoe_size"] == 1

    def raw(work: Work) -> tuple[str | None, str | None]:
        tag, kim = imports.record(work, "loomio", "tags", "4"), imports.record(work, "loomio", "users", "14")
        return (tag.raw if tag else None), (kim.raw if kim else None)

    tag, kim = await storage.read(raw)
    assert json.loads(tag or "") == {"id": 4, "name": "urgent"}
    assert json.loads(kim or "")["rest"] == {"shoe_size": 41}


async def test_what_was_in_no_group_is_kept_and_not_shown(storage: Storage) -> None:
    report = await take(
        storage, ("groups", GROUP), discussion(90, "dIsCuSs1", group_id=None), comment(701, OPENING, "Hello")
    )
    assert report.kept["discussions"] == 1 and report.kept["comments"] == 1
    assert await storage.read(console.threads) == []


async def test_a_text_that_is_too_long_leaves_a_mark_and_stops_nothing(storage: Storage) -> None:
    await take(
        storage, ("groups", GROUP), discussion(90, "dIsCuSs1"), comment(701, OPENING, "a" * 200_000),
        comment(702, OPENING, "Short"),
    )  # fmt: skip
    items = await shown(storage)
    assert len(items) == 3 and "may have" in items[1].html


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"{not json}\n", "line 3 is not JSON"),
        (b'{"table": "users"}\n', "line 3 is not a record"),
        (b'{"table": 7, "record": {}}\n', "line 3 is not a record"),
        (b'{"table": "users; drop", "record": {}}\n', "line 3 names no table"),
        (b"[1]\n", "line 3 is not a record"),
        (b'{"table": "users", "record": {"name": "\\ud800"}}\n', "line 3 is not JSON"),
    ],
)
def test_a_file_that_is_no_export_is_refused_with_its_line(bad: bytes, why: str) -> None:
    with pytest.raises(BadExport, match=why):
        loomio_file.read([*lines(("groups", GROUP)), b"\n", bad])


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(BadExport, match="empty"):
        loomio_file.read([])


async def test_odd_values_in_every_column_stop_nothing(storage: Storage) -> None:
    """PAR-20: whatever stands where a value is expected is read as none."""
    for odd in (None, 7, -1, 2**70, 1.5, True, "", "x" * 300, [], [1], {}, {"a": 1}, "\x00", "99999-01-01"):
        records = [(table, dict.fromkeys(loomio_file.TAKEN[table].split(), odd)) for table in loomio_file.TAKEN]
        try:
            await take(storage, *records, ("events", dict.fromkeys(("id", "kind", "sequence_id"), odd)))
        except BadExport:
            assert odd == 2**70  # JSON may hold it, and nothing that counts can be meant


# ------------------------------------------------------------------ quiet, and then not


async def test_nothing_of_an_import_is_sent_and_the_next_comment_is(node: Moot) -> None:
    await take(node.storage, *SAMPLE)
    uri = "https://mastodon.test/users/zoe"

    def follow(work: Work) -> None:
        zoe = forum_people.meet(
            work,
            Profile(
                uri=uri, kind="person", name="zoe", display_name="Zoe", summary="", url=uri, inbox=f"{uri}/inbox",
                shared_inbox=None, outbox=None, followers=None, following=None, featured=None, moderators=None,
                icon_url=None, discoverable=True, indexable=True, manually_approves=False, host="mastodon.test",
                keys=(),
            ),
        )  # fmt: skip
        group = people.by_name(work, "bike_kitchen")
        assert group is not None
        forum_people.follow(work, zoe, group, uri=f"{uri}#follow")

    async def waiting() -> int:
        return (await node.storage.read(queues.counts)).deliveries_waiting

    await node.storage.write(follow)
    accepted = await waiting()
    assert accepted == 1  # the Accept
    await take(node.storage, *SAMPLE, discussion(91, "dIsCuSs2"), comment(801, ("Discussion", 91), "More",
               discussion_id=91), ("reactions", {"id": 9, "reactable_type": "Comment", "reactable_id": 801,
               "user_id": 11, "reaction": "heart"}))  # fmt: skip
    assert await waiting() == accepted
    first = (await shown(node.storage))[1]
    answer = await node.say("jo_marsh", first.uri, "Does it still leak?")
    assert await waiting() == accepted + 1
    document = await node.document(answer)
    assert document["inReplyTo"] == first.uri


async def test_an_imported_thread_shows_on_its_page(node: Moot) -> None:
    await take(node.storage, *SAMPLE)
    [thread] = await node.storage.read(console.threads)
    page = await node.page(thread.page)
    assert "Which pump?" in page and "pumps.example/manual" in page and "Mine too" in page
    count = await node.storage.read(lambda work: work.scalar(select(func.count()).select_from(Comment)))
    assert count == 6
    assert "Which pump?" in await node.page("/d/dIsCuSs1/any-slug/4")
