"""The language of a page or a mail: its words by gettext, its dates and numbers by Babel.

A page is made in the language and the zone of whoever reads it, which `speaking` sets for as long as it is made.
Catalogues are PO files under `locales`, read when they are first needed: nothing has to be compiled.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta, get_datetime_format
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

FOLDER = Path(__file__).parent / "locales"
SOURCE = "en"  # what the texts in the code are in
# English as most of the world writes its dates: 7 June 2017, 14:19.
FORMATS = {SOURCE: Locale("en", "GB")}


@dataclass(frozen=True, slots=True)
class Voice:
    """A language with its formats, and the zone in which times are told."""

    language: str
    locale: Locale
    zone: tzinfo
    translations: NullTranslations

    @property
    def direction(self) -> str:
        """How it is written: ltr or rtl."""
        return str(self.locale.text_direction)


@cache
def available() -> tuple[str, ...]:
    """The languages that there are texts in, English first."""
    found = sorted(file.parent.name for file in FOLDER.glob("*/folkmoot.po"))
    return (SOURCE, *(language for language in found if language != SOURCE))


@cache
def _translations(language: str) -> NullTranslations:
    file = FOLDER / language / "folkmoot.po"
    if not file.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return Translations(compiled)


@cache
def _voice(language: str, zone: str | None) -> Voice:
    return Voice(language, FORMATS.get(language) or _locale(language), zone_of(zone), _translations(language))


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return FORMATS[SOURCE]


_current: ContextVar[Voice] = ContextVar("voice")


def voice() -> Voice:
    """The language spoken now; English and UTC where nothing was said."""
    return _current.get(None) or _voice(SOURCE, None)


def speak(language: str | None, zone: str | None = None) -> None:
    """Speaks that language from here on in this task, and tells times in that zone."""
    _current.set(_voice(best(language), zone))


@contextmanager
def speaking(language: str | None, zone: str | None = None) -> Iterator[Voice]:
    """Speaks that language for as long as the block takes."""
    before = _current.set(_voice(best(language), zone))
    try:
        yield _current.get()
    finally:
        _current.reset(before)


def best(*wanted: str | None) -> str:
    """The first of these that there are texts in, be it only of its language: de for de-AT; else English."""
    known = available()
    for language in wanted:
        for form in (language or "", (language or "").partition("-")[0]):
            if form in known:
                return form
    return SOURCE


def accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header, the most wanted first (RFC 9110, 12.5.4)."""
    weighed = []
    for place, part in enumerate(header[:400].split(",")):
        name, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if name and quality > 0:
            weighed.append((-quality, place, name.strip()))
    return [name for _, _, name in sorted(weighed)]


def zone_of(name: str | None) -> tzinfo:
    """The zone of an IANA name; UTC for none and for what is none."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


@cache
def zones() -> tuple[str, ...]:
    """The zones one may choose from, by continent and city."""
    continents = (
        "Africa/",
        "America/",
        "Antarctica/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    )
    return ("UTC", *sorted(zone for zone in available_timezones() if zone.startswith(continents)))


def endonym(language: str) -> str:
    """What a language calls itself; its tag, where that is not known."""
    try:
        return str(Locale.parse(language.replace("-", "_")).get_display_name() or language)
    except (UnknownLocaleError, ValueError):
        return language


# ------------------------------------------------------------------ words


def gettext(words: str, **values: object) -> str:
    """The words in the language spoken now, with their values; imported as `_`."""
    said = voice().translations.ugettext(words)
    return said % values if values else said


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """The form that the number takes in the language spoken now; the number is `%(num)s`."""
    return str(voice().translations.ungettext(one, many, num)) % ({"num": number(num)} | values)


def pgettext(context: str, words: str, **values: object) -> str:
    """Words that mean different things in different places, told apart by a context for translators."""
    said = str(voice().translations.upgettext(context, words))
    return said % values if values else said


def npgettext(context: str, one: str, many: str, num: int, **values: object) -> str:
    """`ngettext` with a context for translators."""
    return str(voice().translations.unpgettext(context, one, many, num)) % ({"num": number(num)} | values)


def enumerated(names: list[str]) -> str:
    """Names in a row, such as `Ana, Ben and Mira`."""
    return str(format_list(names, locale=voice().locale))


# ------------------------------------------------------------------ times and numbers


def number(value: float) -> str:
    """A number with the marks of the language."""
    return str(format_decimal(value, locale=voice().locale))


def day(at: datetime) -> str:
    """A day: 7 June 2017."""
    here = at.astimezone(voice().zone)
    return str(format_date(here.date(), "long", locale=voice().locale))


def clock(at: datetime) -> str:
    """A time of day, with its zone where that is not the reader's own: 14:19 UTC."""
    speaking_now = voice()
    told = str(format_time(at, "short", tzinfo=speaking_now.zone, locale=speaking_now.locale))
    return f"{told} UTC" if speaking_now.zone is UTC else told


def moment(at: datetime) -> str:
    """A day with its time: 7 June 2017, 14:19 UTC."""
    pattern = str(get_datetime_format("medium", locale=voice().locale)).replace("'", "")
    return pattern.replace("{1}", day(at)).replace("{0}", clock(at))


def weekday(at: datetime) -> str:
    """The name of a day of the week: Tuesday."""
    return str(format_date(at.astimezone(voice().zone).date(), "EEEE", locale=voice().locale))


def ago(at: datetime, now: datetime) -> str:
    """How long ago that was: 3 hours ago."""
    if now - at < timedelta(minutes=1):
        return gettext("just now")
    return str(format_timedelta(at - now, add_direction=True, threshold=1, locale=voice().locale))
