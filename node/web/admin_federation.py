"""Other servers as an admin sees them: what was owed and what became of it, in numbers and pictures, and what to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web
from markupsafe import Markup

from node import languages
from node.forum import deliveries
from node.forum.errors import Invalid, NotFound
from node.languages import gettext as _
from node.node import NODE, Node
from node.web import charts, entrance, forms, session
from node.web.charts import Column
from storage import hosts, hours, ledger, letters, people, queues
from storage.hours import Hour
from storage.ledger import Balance, DeadLetter, Destination
from storage.schema import Actor
from storage.work import Work

A_PAGE = 50
DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)
BODY = 20_000  # letters of a letter that are shown
HOST = 300


@dataclass(frozen=True, slots=True)
class Overview:
    """How it goes with other servers."""

    at: datetime
    counts: queues.Counts
    given_up: dict[str, int]
    day: Hour
    series: dict[datetime, Hour]  # of 30 days
    slowest: list[tuple[str, Hour]]
    ages: list[tuple[str, int]]
    waiting: list[queues.HostQueue]


@dataclass(frozen=True, slots=True)
class OneHost:
    """All of one server."""

    at: datetime
    server: hosts.Server
    queue: queues.HostQueue | None
    given_up: dict[str, int]
    series: dict[datetime, Hour]  # of two days
    lost: list[DeadLetter]


async def show_overview(request: web.Request) -> web.StreamResponse:
    """Numbers and pictures of what goes out and comes in."""
    session.must_be_admin(request)
    found = await request.app[NODE].storage.read(_overview)
    two_days = _by_hour(found.at, found.series, 48)
    month = _by_day(found.at, found.series, 30)
    words = {"day": _("up to a day"), "hour": _("up to an hour"), "minute": _("up to a minute"), "old": _("longer")}
    ages = [(words[age], count) for age, count in found.ages]
    drawn = [
        _sent("two-days", _("Deliveries and failed tries in 48 hours"), two_days),
        _sent("month", _("Deliveries and failed tries in 30 days"), month),
        _lying("slowest", _("Slowest servers in a day, in milliseconds for a try"), _averages(found.slowest)),
        _lying("ages", _("Deliveries that wait, by how long"), ages),
    ]
    pictures = drawn if found.series or any(count for _age, count in ages) else []
    return entrance.form_page(
        request, "admin_federation.html", _("Run this node"), tab="federation", found=found, pictures=pictures,
        fates=fates(),
    )  # fmt: skip


def _overview(work: Work) -> Overview:
    day = hours.of(work.now) - DAY
    return Overview(
        work.now, queues.counts(work), ledger.count(work), hours.total(work, day),
        hours.series(work, hours.of(work.now) - 30 * DAY), hours.slowest(work, day), queues.by_age(work),
        queues.by_host(work, limit=A_PAGE),
    )  # fmt: skip


async def show_host(request: web.Request) -> web.StreamResponse:
    """One server: how it is, what waits for it, what was given up and why."""
    session.must_be_admin(request)
    before = _number(request.query.get("before", ""))
    found = await request.app[NODE].storage.read(_host, request.match_info["host"].lower()[:HOST], before)
    if found is None:
        raise entrance.not_there()
    picture = _sent("two-days", _("Deliveries and failed tries in 48 hours"), _by_hour(found.at, found.series, 48))
    more = found.lost[A_PAGE - 1].id if len(found.lost) > A_PAGE else None
    return entrance.form_page(
        request, "admin_federation_host.html", found.server.host, tab="federation", found=found, pictures=[picture],
        lost=found.lost[:A_PAGE], more=more, fates=fates(), done=request.query.get("done", ""),
    )  # fmt: skip


def _host(work: Work, host: str, before: int | None) -> OneHost | None:
    server = hosts.server(work, host)
    if server is None:
        return None
    return OneHost(
        work.now, server, queues.of_host(work, host), ledger.count(work, host=host),
        hours.series(work, hours.of(work.now) - 2 * DAY, host=host),
        ledger.dead_letters(work, host=host, before=before, limit=A_PAGE + 1),
    )  # fmt: skip


async def show_activity(request: web.Request) -> web.StreamResponse:
    """One activity: where it did not arrive, and why."""
    session.must_be_admin(request)
    after = request.query.get("after", "").replace("\0", "")[:2000]
    number = _number(request.match_info["id"])
    found = await request.app[NODE].storage.read(_activity, number or 0, after)
    if found is None:
        raise entrance.not_there()
    activity, rows = found
    more = rows[A_PAGE - 1].inbox if len(rows) > A_PAGE else None
    return entrance.form_page(
        request, "admin_federation_activity.html", _("What became of it"), tab="federation", activity=activity,
        rows=rows[:A_PAGE], more=more, fates=fates(),
    )  # fmt: skip


def _activity(work: Work, activity_id: int, after: str) -> tuple[Balance, list[Destination]] | None:
    found = ledger.balance(work, activity_id)
    if found is None:
        return None
    return found, ledger.destinations(work, activity_id, after=after, limit=A_PAGE + 1)


async def show_parked(request: web.Request) -> web.StreamResponse:
    """What was put aside: deliveries and letters, each with its reason."""
    session.must_be_admin(request)
    return await _parked_page(request)


async def _parked_page(request: web.Request, problems: dict[str, str] | None = None) -> web.Response:
    sent_before, came_before = _number(request.query.get("sent", "")), _number(request.query.get("came", ""))

    def look(work: Work) -> tuple[list[queues.ParkedDelivery], list[letters.Parked], dict[int, str]]:
        came = letters.parked(work, A_PAGE + 1, before=came_before)
        bodies = {row.id: (letters.body_of(work, row.id) or b"").decode(errors="replace") for row in came[:A_PAGE]}
        return queues.parked(work, before=sent_before, limit=A_PAGE + 1), came, bodies

    sent, came, bodies = await request.app[NODE].storage.read(look)
    return entrance.form_page(
        request, "admin_federation_parked.html", _("Put aside"), problems, tab="federation", sent=sent[:A_PAGE],
        came=came[:A_PAGE], bodies={number: body[:BODY] for number, body in bodies.items()},
        more_sent=sent[A_PAGE - 1].id if len(sent) > A_PAGE else None,
        more_came=came[A_PAGE - 1].id if len(came) > A_PAGE else None,
    )  # fmt: skip


# ------------------------------------------------------------------ what may be done


async def act(request: web.Request) -> web.StreamResponse:
    """Tries again, or throws away; each with its reason."""
    form = await forms.read(request)
    reader = session.must_be_admin(request)
    what, about, reason = form.text("act"), form.text("about").strip()[:HOST], form.text("reason")
    node = request.app[NODE]
    try:
        if what == "retry-host":
            await node.storage.write(_retry_host, reader.id, about, reason)
            return forms.see(f"/admin/federation/hosts/{about}?done=retried")
        number = _number(about)
        if number is None:
            raise web.HTTPBadRequest
        if what in ("owe-again", "owe-activity-again"):
            await _owe_again(node, reader.id, number, what == "owe-activity-again", reason)
            return forms.see("/admin/federation")
        if what not in PARKED:
            raise web.HTTPBadRequest
        await node.storage.write(_of_parked, what, reader.id, number, reason)
    except Invalid as refusal:
        return await _parked_page(request, entrance.problems_of(refusal))
    return forms.see("/admin/federation/parked")


PARKED: dict[str, Callable[[Work, Actor | None, int, str], None]] = {
    "retry-delivery": deliveries.retry_delivery,
    "drop-delivery": deliveries.drop_delivery,
    "retry-letter": deliveries.retry_letter,
    "drop-letter": deliveries.drop_letter,
}


def _retry_host(work: Work, by_id: int, host: str, reason: str) -> None:
    if hosts.server(work, host) is None:
        raise NotFound("Nothing is known of that server.")
    deliveries.retry_host(work, people.by_id(work, by_id), host, reason)


def _of_parked(work: Work, what: str, by_id: int, number: int, reason: str) -> None:
    PARKED[what](work, people.by_id(work, by_id), number, reason)


async def _owe_again(node: Node, by_id: int, number: int, of_activity: bool, reason: str) -> None:
    def owe(work: Work, after: int) -> queues.Again:
        by = people.by_id(work, by_id)
        if of_activity:
            return deliveries.owe_again(work, by, activity_id=number, reason=reason, after=after)
        return deliveries.owe_again(work, by, ids=(number,), reason=reason, after=after)

    after: int | None = 0
    while after is not None:
        after = (await node.storage.write(owe, after)).last


# ------------------------------------------------------------------ pictures


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and the same as a table."""

    name: str
    title: str
    drawn: Markup
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    keys: tuple[str, ...] = ()  # what its patterns stand for


def _sent(name: str, title: str, rows: list[tuple[str, Hour]]) -> Picture:
    drawn = charts.columns(name, title, [Column(label, (hour.delivered, hour.failed)) for label, hour in rows])
    heads = (_("When"), _("Arrived"), _("Failed tries"), _("Given up"), _("Came in"))
    table: list[tuple[str, ...]] = [
        (label, *map(languages.number, (hour.delivered, hour.failed, hour.given_up, hour.received)))
        for label, hour in rows
        if hour != Hour()
    ]
    return Picture(name, title, drawn, heads, table, (_("Arrived"), _("Failed tries")))


def _lying(name: str, title: str, rows: list[tuple[str, int]]) -> Picture:
    table: list[tuple[str, ...]] = [(label, languages.number(value)) for label, value in rows]
    return Picture(name, title, charts.bars(name, title, rows), (_("Which"), _("Number")), table)


def _averages(rows: list[tuple[str, Hour]]) -> list[tuple[str, int]]:
    return [(host, hour.average_ms or 0) for host, hour in rows]


def _by_hour(at: datetime, series: Mapping[datetime, Hour], many: int) -> list[tuple[str, Hour]]:
    first = hours.of(at) - (many - 1) * AN_HOUR
    moments = [first + step * AN_HOUR for step in range(many)]
    return [(f"{moment:%d. %H:00}", series.get(moment, Hour())) for moment in moments]


def _by_day(at: datetime, series: Mapping[datetime, Hour], many: int) -> list[tuple[str, Hour]]:
    days = {(at - step * DAY).date(): Hour() for step in reversed(range(many))}
    for moment, hour in series.items():
        if (day := days.get(moment.date())) is not None:
            day.delivered, day.failed = day.delivered + hour.delivered, day.failed + hour.failed
            day.given_up, day.received = day.given_up + hour.given_up, day.received + hour.received
    return [(f"{day:%Y-%m-%d}", hour) for day, hour in days.items()]


def fates() -> dict[str, str]:
    """What became of a delivery, in words."""
    return {
        "waiting": _("waits"), "parked": _("put aside"), ledger.REFUSED: _("refused for good"),
        ledger.DROPPED: _("refused again and again"), ledger.TOO_OLD: _("waited too long"),
        ledger.BLOCKED: _("its server is blocked"), ledger.THROWN_AWAY: _("thrown away by an admin"),
        ledger.HIDDEN: _("hidden before it could go"),
    }  # fmt: skip


def _number(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None
