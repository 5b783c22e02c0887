"""The language of a page: its reader's, with its own plurals, dates and direction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node import languages
from storage.schema import Account, Actor

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def arabic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue of a language that is written from the right and has six plurals."""
    caches = (languages.available, languages._translations, languages._voice)

    def forget() -> None:
        for cache in caches:
            cache.cache_clear()

    monkeypatch.setattr(languages, "FOLDER", Path(__file__).parent / "locales")
    forget()
    yield
    forget()


async def test_a_node_in_arabic_reads_from_the_right(open_moot, arabic):
    moot = await open_moot(language="ar")
    page = await moot.page("/")
    assert (page.tree.get("lang"), page.tree.get("dir")) == ("ar", "rtl")
    assert "المجموعات" in page.source


async def test_a_stranger_is_spoken_to_in_the_language_of_their_browser(open_moot, arabic):
    moot = await open_moot()
    response = await moot.get("/", **{"Accept-Language": "de;q=0.9, ar-EG, en;q=0.1"})
    assert '<html lang="ar" dir="rtl">' in await response.text()
    assert "Accept-Language" in response.headers["Vary"]


async def test_a_member_is_spoken_to_in_their_own_language_and_zone(open_moot, arabic):
    moot = await open_moot()
    group = await moot.group()
    ana = await moot.person("ana")
    thread = await moot.thread(group, ana, said_at=NOON)
    browser = await moot.sign_in(ana)

    def choose(work):
        work.get_one(Actor, ana).language = "ar"
        work.get_one(Account, ana).zone = "Asia/Kolkata"

    await moot.storage.write(choose)
    page = await browser.page(await moot.path(thread))
    assert page.tree.get("dir") == "rtl"
    assert "5:30 م" in page.source
    assert "UTC" not in page.source


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "لا أعضاء"), (1, "عضو واحد"), (2, "عضوان"), (3, "3 أعضاء"), (11, "11 عضوا"), (100, "100 عضو")],
)
def test_a_number_takes_the_form_of_its_language(arabic, count, words):
    with languages.speaking("ar"):
        assert languages.ngettext("%(num)s member", "%(num)s members", count) == words


def test_what_is_not_translated_stays_in_english(arabic):
    with languages.speaking("ar"):
        assert languages.gettext("Nobody has said this.") == "Nobody has said this."


def test_times_are_told_as_people_of_the_language_tell_them():
    with languages.speaking("en", "Europe/Lisbon"):
        assert languages.moment(NOON) == "22 November 2026, 12:00"
    with languages.speaking("en", None):
        assert languages.moment(NOON) == "22 November 2026, 12:00 UTC"
    with languages.speaking("en", "No/Such"):
        assert languages.clock(NOON) == "12:00 UTC"


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (timedelta(seconds=30), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=400), "1 year ago"),
        (timedelta(days=-1), "just now"),
    ],
)
def test_how_long_ago_that_was(past, words):
    assert languages.ago(NOON - past, NOON) == words


@pytest.mark.parametrize("header", ["", "*", "x" * 10_000, "en;q=x", ";;;,,,", "de;q=2", "zz-ZZ-ZZ-ZZ", "\u00e9"])
def test_no_header_of_languages_does_harm(header):
    assert languages.best(*languages.accepted(header)) == "en"
