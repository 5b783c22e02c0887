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
from storage.schema import Comment
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
    "worker --until-idle",
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
        for name, more in (await parts.node.storage.read(_addresses, values)).items():
            values[name] |= more
    return Worlds({role: dict(browser.cookies) for role, browser in worlds.browsers.items()}, values)


def _moot(node: Node, client: Any, settings: Settings) -> Moot:
    return Moot(node, node.storage, ScriptedNetwork(), client, settings, [1000.0])


def _addresses(work: Work, values: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What commands name that forms do not."""
    found = {}
    for name, known in values.items():
        item = work.query(Comment).filter_by(uid=known["item"]).one()
        found[name] = {
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
