"""Acts to rehearse: every form of the door for people, commands of the console, and tests for what is beside them."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from node.app import make_app, opened
from node.cli import main
from node.node import Node
from node.settings import Settings
from storage.schema import Activity, Actor, Comment, Delivery, GivenUp, Host, Letter
from storage.work import Work
from tests.faults.rehearsals import Act, Place
from tests.web.authorisation import DONE, ROLES, TABLE, WORLDS, Reader, filled
from tests.web.conftest import ORIGIN, Browser, Moot, ScriptedNetwork
from tests.web.worlds import FarFromAll, build

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # what the worlds are of, and all that is done in them
LIKELIEST = ("author", "member", "moderator", "admin", "keeper", "outsider", "guest", "former", "stranger")
LIST = "domain,severity\nworse.example,suspend\n"

# Commands on the furnished worlds; what is in braces is of the open one.
COMMANDS = (
    "person create carla --email carla@coop.example",
    "person create nora --link",
    "person edit the_member --about Gardener.",
    "person promote the_member",
    "person reset the_member",
    "person suspend the_outsider --reason threats",
    "person delete the_outsider --yes",
    "unfollow the_member @rita@coop.example",
    "group create orchard --creator the_member",
    "group edit open --comments boosted",
    "group archive open --reason over",
    "group rename open orchard",
    "group join open the_outsider",
    "group title open the_member Treasurer",
    "group remove open the_member --reason away",
    "group invitations open --revoke {invitation_id}",
    "group invite open ben@coop.example --by the_admin",
    "group link open --reset",
    "group requests open --approve joining",
    "group secret open --sure open --reason donors",
    "group delete open --sure open --reason over",
    "comment remove {item_uri} --moderator --reason advertising",
    "comment edit {item_uri} --text Better.",
    "thread start open --author the_author --title Beans? --text Where?",
    "thread lock {thread_url} --reason decided",
    "thread split {item_uri} --author the_admin --title Peas --text Then.",
    "remark remove {remark_uri}",
    "report resolve {report} Removed.",
    "mail retry --all",
    "federation block bad.example --reason harassment",
    "federation lists add {folder}/list.csv --name ours",
    "federation lists remove 'A list'",
    "federation retry coop.example",
    "federation retry --delivery {delivery}",
    "federation retry --letter {letter}",
    "federation retry --given-up {given_up}",
    "person block the_member the_outsider",
    "worker --until-idle",
)

# Forms of an address of which the table has another: role, world, address, fields.
FORMS = (
    ("keeper", "open", "/admin/federation", {"act": "retry-host", "about": "coop.example", "reason": "Back."}),
    ("keeper", "open", "/admin/federation", {"act": "retry-letter", "about": "{letter}", "reason": "Once more."}),
    ("keeper", "open", "/admin/federation", {"act": "owe-again", "about": "{given_up}", "reason": "Once more."}),
    ("author", "open", "/threads/{thread}/guests", {"guest": f"{ORIGIN}/u/the_guest", "reason": "Done."}),
    ("author", "open", "/items/{item}/reply", {"source": "Half a word", "do": "draft"}),
    ("author", "open", "/items/{item}/edit", {"source": "Half a word", "do": "draft"}),
    ("author", "open", "/g/open/new", {"title": "Half", "source": "Half a word", "do": "draft"}),
)

# What needs a secret, a key, a peer or a clock of its own: the tests that reach it, killed in the middle of themselves.
TESTS: tuple[str, ...] = (
    "tests/web/test_passkey_pages.py::test_a_passkey_is_added_and_signs_in",
    "tests/web/test_sign_in_pages.py::test_a_password_is_hashed_again_when_the_measure_has_grown",
    "tests/web/test_sign_in_pages.py::test_the_first_link_makes_an_admin_who_is_signed_in",
    "tests/web/test_sign_in_pages.py::test_a_mailed_link_shows_a_button_and_signs_in_by_it",
    "tests/web/test_sign_in_pages.py::test_what_is_dangerous_asks_once_more_who_it_is",
    "tests/web/test_sign_in_pages.py::test_the_six_digits_sign_in_where_they_were_asked_for",
    "tests/web/test_sign_in_pages.py::test_a_code_of_the_app_is_asked_for_and_used_once",
    "tests/web/test_sign_in_pages.py::test_who_has_no_password_shows_it_by_mail",
    "tests/web/test_sign_in_pages.py::test_a_forgotten_password_is_chosen_anew_by_a_mailed_link",
    "tests/web/test_sign_up_pages.py::test_an_account_is_made_when_the_address_is_proved_and_not_before",
    "tests/web/test_sign_up_pages.py::test_the_six_digits_do_the_same_in_that_browser",
    "tests/web/test_sign_up_pages.py::test_whoever_asks_waits_for_an_admin_who_reads_their_words",
    "tests/web/test_settings_pages.py::test_a_page_that_links_back_is_marked_as_verified",
    "tests/web/test_settings_pages.py::test_a_new_address_counts_once_it_is_confirmed_and_the_old_one_is_told",
    "tests/web/test_settings_pages.py::test_a_break_hides_the_profile_and_ends_when_its_owner_says_so",
    "tests/web/test_settings_pages.py::test_an_account_is_deleted_by_who_types_its_handle",
    "tests/web/test_settings_pages.py::test_an_authenticator_app_is_set_up_once_it_has_shown_a_code",
    "tests/web/test_settings_pages.py::test_new_recovery_codes_are_shown_once",
    "tests/web/test_moving_pages.py::test_another_account_is_named_and_dropped",
    "tests/web/test_moving_pages.py::test_who_moves_leads_followers_along_and_the_profile_says_where",
    "tests/web/test_thread_composing.py::test_scripts_keep_and_discard_drafts",
    "tests/web/test_editing_pages.py::test_a_preview_and_a_draft_change_nothing_yet",
    "tests/web/test_starting_pages.py::test_what_was_begun_is_there_again",
    "tests/mail/test_sending.py::test_a_mail_is_sent_once_and_its_words_are_erased",
    "tests/mail/test_sending.py::test_when_it_is_stopped_the_mail_in_hand_is_finished_and_the_others_are_given_back",
    "tests/fediverse/test_threads_in.py::test_a_note_that_mentions_a_group_starts_a_thread_there",
    "tests/following/test_following_pages.py::test_somebody_is_followed_by_their_handle_and_answers",
    "tests/following/test_following_pages.py::test_a_post_is_liked_and_no_longer",
    "tests/following/test_remark_pages.py::test_an_answer_is_said_once_and_has_a_page_of_its_own",
    "tests/health/test_doctor.py::test_a_node_behind_a_good_proxy_is_well",
    "tests/fediverse/test_sending_worker.py::test_a_letter_that_always_breaks_us_is_parked_and_the_next_is_read",
    "tests/fediverse/test_sending_worker.py::test_a_worker_that_is_stopped_ends_what_it_began",
    "tests/fediverse/test_sending_worker.py::test_a_host_says_once_a_day_what_it_runs",
    "tests/fediverse/test_sending_worker.py::test_a_dead_host_is_asked_daily_and_lives_again_when_it_answers",
    "tests/fediverse/test_sending_worker.py::test_a_failed_fetch_is_remembered_across_restarts",
    "tests/web/test_fetching_replies.py::test_what_is_missing_comes_from_its_own_server",
    "tests/fediverse/test_moving_in.py::test_who_follows_goes_along_when_both_ends_agree",
    "tests/blocks/test_surfaces.py::test_a_list_at_an_address_is_read_again_each_day_and_keeps_what_it_said_when_it_fails",
    "tests/cli/test_import_command.py::test_an_export_is_tried_taken_and_taken_again",
)


@dataclass(frozen=True)
class Worlds:
    """The furnished node: who is signed in how, and what is where."""

    cookies: dict[str, dict[str, str]]  # role -> its browser's
    values: dict[str, dict[str, str]]  # world -> what is in it


def settings_of(place: Place) -> Settings:
    return Settings(origin=ORIGIN, data=place.data, database_url=place.database_url)


async def furnish(place: Place) -> Worlds:
    """Every world of tests/web with everybody in it, in a node that was started once."""
    (place.folder / "list.csv").write_text(LIST)
    async with opened(settings_of(place), now=lambda: NOW) as parts:
        moot = _moot(parts.node, None, settings_of(place))
        worlds = await build(moot)
        values = {name: world.values | worlds.common for name, world in worlds.worlds.items()}
    async with opened(settings_of(place), now=lambda: NOW) as parts:  # the worlds undo whatever comes after them
        for name, more in (await parts.node.storage.write(_finish, values)).items():
            values[name] |= more
    return Worlds({role: dict(browser.cookies) for role, browser in worlds.browsers.items()}, values)


def _moot(node: Node, client: Any, settings: Settings) -> Moot:
    return Moot(node, node.storage, ScriptedNetwork(), client, settings, [1000.0])


def _finish(work: Work, values: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What was put aside and given up, and the addresses that commands name and forms do not."""
    rita = work.query(Actor).filter_by(name="rita").one()
    ours = work.query(Actor).filter_by(name="open", kind="group").one()
    about = values["open"]["opening_uri"]
    activity = Activity(
        uri=f"{about}/activity/1", actor_id=ours.id, type="Create", about=about, public=True, microblog=b"{}",
        owed=2, given_up=1, created_at=NOW,
    )  # fmt: skip
    letter = Letter(
        signer=rita.uri, digest="0" * 64, key_id=f"{rita.uri}#main-key", host="coop.example", body=b"{}",
        state="parked", tries=3, next_try_at=NOW, outcome="fault", received_at=NOW,
    )  # fmt: skip
    if work.get(Host, "coop.example") is None:
        work.add(Host(host="coop.example", created_at=NOW))
    work.add_all([activity, letter])
    work.flush()
    owed = {"activity_id": activity.id, "signer_id": ours.id, "host": "coop.example", "dialect": "microblog"}
    parked = Delivery(**owed, inbox="https://coop.example/a", about=about, parked_at=NOW, created_at=NOW)
    lost = GivenUp(
        **owed, inbox="https://coop.example/b", fate="expired", why="away", attempts=9, owed_at=NOW, at=NOW
    )  # fmt: skip
    work.add_all([parked, lost])
    work.flush()
    numbers = {"letter": str(letter.id), "delivery": str(parked.id), "given_up": str(lost.id)}
    found = {}
    for name, known in values.items():
        item = work.query(Comment).filter_by(uid=known["item"]).one()
        found[name] = numbers | {
            "item_uri": item.uri,
            "thread_url": f"{ORIGIN}/g/{name}/{known['place']}",
            "remark_uri": f"{ORIGIN}/comment/{known['remark']}",
        }
    return found


def forms(worlds: Worlds) -> Iterator[Act]:
    """Every form of the table, sent by somebody who may."""
    for route in TABLE:
        method, _, path = route.partition(" ")
        if method == "POST":
            role, world = _who_may(route)
            address, fields = filled(route, worlds.values[world])
            yield Act(f"{role}: {path}", _form(worlds.cookies[role], address, fields))
    for role, world, path, given in FORMS:
        values = worlds.values[world]
        fields = {name: value.format_map(values) for name, value in given.items()}
        yield Act(
            f"{role}: {path} {given.get('act', '')}".strip(),
            _form(worlds.cookies[role], path.format_map(values), fields),
        )


def _who_may(route: str) -> tuple[str, str]:
    assert set(LIKELIEST) < set(ROLES)
    for world in WORLDS:
        for role in LIKELIEST:
            if TABLE[route].rule(Reader(role, world)) == DONE:
                return role, world
    return "author", "open"


def _form(cookies: dict[str, str], address: str, fields: dict[str, object]) -> Callable[[Place], int]:
    async def send(place: Place) -> int:
        settings = settings_of(place)
        async with opened(settings, now=lambda: NOW) as parts:
            parts.node.network = FarFromAll()
            async with TestClient(TestServer(make_app(parts))) as client:
                browser = Browser(_moot(parts.node, client, settings), dict(cookies))
                answer = await browser.post(address, fields)
                print(f"answered {answer.status} {answer.headers.get('Location', '')}")
                await (await client.get("/robots.txt")).read()  # what is written after an answer is written by then
                return 0 if answer.status < 500 else 1

    return lambda place: asyncio.run(send(place))


def commands(worlds: Worlds) -> Iterator[Act]:
    """The commands, each as an admin types it."""
    for words in COMMANDS:
        yield Act(f"$ {words.partition('{')[0]}".strip(), _command(words, worlds.values["open"]))


def _command(words: str, values: dict[str, str]) -> Callable[[Place], int]:
    def do(place: Place) -> int:
        for name in [name for name in os.environ if name.startswith("FOLKMOOT_")]:
            del os.environ[name]
        os.environ["FOLKMOOT_ORIGIN"] = ORIGIN
        os.environ["FOLKMOOT_DATA"] = str(place.data)
        os.environ["FOLKMOOT_DATABASE_URL"] = place.database_url
        os.chdir(place.folder)
        main(shlex.split(words.format_map(values | {"folder": str(place.folder)})))
        return 0

    return do


def tests() -> Iterator[Act]:
    """The tests, with a folder of their own each; none goes on after a kill."""
    for name in TESTS:
        yield Act(name.rpartition("::")[2], _test(name), again=False)


def _test(name: str) -> Callable[[Place], int]:
    def do(place: Place) -> int:
        base = place.folder / "test"
        return int(
            pytest.main([name, "-n0", "-q", "-k", "not postgresql", "-p", "no:cacheprovider", f"--basetemp={base}"])
        )

    return do
