"""Sending: keeps the promises in the queue of mails, over SMTP, or into a folder while the node is being developed."""

import asyncio
import logging
import os
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from ssl import SSLContext

from node.forum import accounts, emails, sign_ups, signing_in
from node.mail import messages, writing
from node.mail.smtp import Line, MailRefused, TryLater, line
from node.node import Node
from node.settings import Settings, Smtp
from storage import backoff, clock, mails
from storage.mails import Waiting
from storage.work import StorageUnavailable, Work

log = logging.getLogger(__name__)

BATCH = 30  # mails taken at a time
LINES = 3  # connections at a time; small mail servers allow a handful
PER_LINE = 10  # mails after which a second connection is worth it
POLL = 2.0  # seconds; the queue is the truth, and a bell that was not heard costs this
ROUND_ENDS = 240.0  # seconds; then nothing more of the batch is begun, so that it ends within the lease
LONGEST = timedelta(hours=2)  # between two tries
GIVEN_UP = timedelta(days=5)  # as long as mail servers try
NO_SERVER = "no SMTP server is set (smtp_url)"
ASKED_AGAIN = timedelta(hours=1)  # whether there is a server now
# What is in these works for minutes; nobody wants it when the server of our mail comes back a day later.
SHORT_LIVED = {
    "sign_in": signing_in.LINK,
    "reset": signing_in.RESET,
    "sign_up": sign_ups.LINK,
    "new_email": accounts.EMAIL_LINK,
}

Outcome = Callable[[Work], None]


class Mailer:
    """Claims mails that are due, sends them, and writes down what became of them."""

    def __init__(
        self, node: Node, owner: str, *, chance: backoff.Chance = backoff.chance, tls: SSLContext | None = None
    ) -> None:
        self._node = node
        self._points = node.storage.points
        self._owner = owner  # of leases
        self._chance = chance
        self._tls = tls
        self._outcomes: list[Outcome] = []  # not yet written down

    async def run(self, stop: asyncio.Event) -> None:
        """Sends until `stop` is set; then the mail in hand is finished, and the others are given back."""
        bell = self._node.mails_wait
        while not stop.is_set():
            bell.clear()
            try:
                tried = await self._send_batch(stop)
            except StorageUnavailable as error:
                log.warning("mails wait for the database: %s", error)
                tried = 0
            if not tried:
                await _pause(stop, bell, seconds=POLL)

    async def send_due(self) -> int:
        """Sends all that is due at the clock's present; says how many mails were tried."""
        count, never = 0, asyncio.Event()
        while tried := await self._send_batch(never):
            count += tried
        return count

    async def _send_batch(self, stop: asyncio.Event) -> int:
        await self._write_down()
        storage = self._node.storage
        taken = await storage.write(mails.claim, self._owner, BATCH)
        if not taken:
            return 0
        left = {mail.id for mail in taken}
        settings = self._node.settings
        try:
            mails_now = [mail for mail in taken if not self._expired(mail, left)]
            if settings.smtp is not None:
                await self._send_over_lines(settings.smtp, mails_now, left, stop)
            elif settings.development:
                for mail in mails_now:
                    await self._put_into_folder(mail, left)
            elif mails_now:
                log.warning("%d mails wait: %s", len(mails_now), NO_SERVER)
                for mail in mails_now:
                    self._later(mail, left, NO_SERVER, after=ASKED_AGAIN)
        finally:
            if left:
                self._outcomes.append(partial(mails.release, owner=self._owner, ids=sorted(left)))
            await self._write_down()
        return len(taken)

    async def _send_over_lines(
        self, server: Smtp, taken: Sequence[Waiting], left: set[int], stop: asyncio.Event
    ) -> None:
        count = min(LINES, -(-len(taken) // PER_LINE))
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self._send_over_one(server, taken[number::count], left, stop))

    async def _send_over_one(self, server: Smtp, taken: Sequence[Waiting], left: set[int], stop: asyncio.Event) -> None:
        ends = asyncio.get_running_loop().time() + ROUND_ENDS
        settings = self._node.settings
        try:
            async with line(server, messages.local_name(settings), self._tls) as opened:
                for mail in taken:
                    if stop.is_set() or asyncio.get_running_loop().time() >= ends:
                        return
                    if not await self._send(opened, mail, left):
                        return
        except TryLater as error:
            log.warning("mail cannot be sent now: %s", _without_addresses(str(error)))
            for mail in taken:
                self._later(mail, left, str(error))

    async def _send(self, opened: Line, mail: Waiting, left: set[int]) -> bool:
        """Sends one; says whether more can be sent over the connection."""
        try:
            self._points.reach("mail.claimed")
            answer = await opened.send(messages.build(mail, self._node.settings))
            self._points.reach("mail.handed-over")
        except MailRefused as error:
            self._park(mail, left, str(error))
            return True
        except TryLater as error:
            self._later(mail, left, str(error))
            return not error.lost
        except ValueError as error:  # what cannot be a message now will not be one later
            self._park(mail, left, f"it cannot be written as a message: {error}")
            return True
        except Exception:  # the worker's try-later: a mail that breaks us must not hold up the others
            fault = secrets.token_hex(4)
            log.exception("mail %s failed here (fault %s)", mail.uid, fault)
            self._later(mail, left, f"fault {fault}")
            return False
        await self._sent(mail, left, answer)
        return True

    async def _put_into_folder(self, mail: Waiting, left: set[int]) -> None:
        try:
            self._points.reach("mail.claimed")
            file = await asyncio.to_thread(
                write_into, folder(self._node.settings), mail, messages.build(mail, self._node.settings)
            )
            self._points.reach("mail.handed-over")
        except OSError as error:
            self._later(mail, left, f"cannot write it: {error.strerror}")
            return
        await self._sent(mail, left, f"written to {file}")

    # ---------------------------------------------------------------- what became of it

    async def _sent(self, mail: Waiting, left: set[int], how: str) -> None:
        left.discard(mail.id)
        log.info("mail %s (%s): sent (%s)", mail.uid, mail.kind, _without_addresses(how))
        self._outcomes.append(partial(mails.sent, mail_id=mail.id, owner=self._owner))
        try:
            await self._write_down()  # at once: what is not written down is sent again after a crash
        except StorageUnavailable as error:
            log.warning("mail %s was sent, which is not written down yet: %s", mail.uid, error)

    def _later(self, mail: Waiting, left: set[int], why: str, *, after: timedelta | None = None) -> None:
        if mail.id not in left:
            return
        now = self._node.storage.now()
        if now - mail.created_at >= GIVEN_UP:
            self._park(mail, left, f"given up after {GIVEN_UP.days} days: {why}")
            return
        left.discard(mail.id)
        pause = after or backoff.after(mail.tries, self._chance, longest=LONGEST)
        self._outcomes.append(partial(mails.later, mail_id=mail.id, why=why, owner=self._owner, after=pause))
        log.info("mail %s (%s): later (%s; try %d)", mail.uid, mail.kind, _without_addresses(why), mail.tries)

    def _park(self, mail: Waiting, left: set[int], why: str) -> None:
        left.discard(mail.id)
        self._outcomes.append(partial(mails.park, mail_id=mail.id, why=why, owner=self._owner))
        log.warning("mail %s (%s): parked (%s)", mail.uid, mail.kind, _without_addresses(why))

    def _expired(self, mail: Waiting, left: set[int]) -> bool:
        life = SHORT_LIVED.get(mail.kind)
        if life is None or self._node.storage.now() - mail.created_at < life:
            return False
        left.discard(mail.id)
        why = "it could not be sent while its link worked"
        self._outcomes.append(partial(mails.expire, mail_id=mail.id, why=why, owner=self._owner))
        log.warning("mail %s (%s): given up (%s)", mail.uid, mail.kind, why)
        return True

    async def _write_down(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes:
            return
        try:
            await self._node.storage.write(_apply, outcomes)
        except StorageUnavailable:
            self._outcomes = outcomes + self._outcomes
            raise


def _apply(work: Work, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        outcome(work)


async def send_test(settings: Settings, to_address: str, *, at: clock.Clock, tls: SSLContext | None = None) -> str:
    """Sends a mail now, past the queue, and answers what became of it. Raises MailRefused or TryLater."""
    written = writing.compose("test", node=settings.name, origin=settings.origin, language=settings.language)
    now = at()
    mail = Waiting(
        0, clock.mint(now), "test", emails.address(to_address), "", written.subject, written.text,
        written.html, {}, 1, now,
    )  # fmt: skip
    message = messages.build(mail, settings)
    if settings.smtp is not None:
        async with line(settings.smtp, messages.local_name(settings), tls) as opened:
            return await opened.send(message)
    if settings.development:
        return f"written to {await asyncio.to_thread(write_into, folder(settings), mail, message)}"
    raise TryLater(NO_SERVER, lost=True)


# ------------------------------------------------------------------ the folder


def folder(settings: Settings) -> Path:
    """Where mail goes while the node is being developed."""
    return settings.data / "mail"


def write_into(place: Path, mail: Waiting, message: EmailMessage) -> Path:
    """Writes the mail to a file of its own, whole or not at all; it may hold a secret, so it is its owner's alone."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = place / f"{mail.created_at:%Y%m%dT%H%M%SZ}-{mail.uid}.eml"
    draft = place / f".{file.name}.part"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(bytes(message))
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    return file


def _without_addresses(words: str) -> str:
    """For the log, which outlives its reason to know who got mail (PRV-18)."""
    return re.sub(r"[^\s<>]+@[^\s<>]+", "…", words)


async def _pause(*bells: asyncio.Event, seconds: float) -> None:
    """Until a bell rings, or that time is over."""
    rings = [asyncio.create_task(bell.wait()) for bell in bells]
    try:
        await asyncio.wait(rings, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for ring in rings:
            ring.cancel()
        await asyncio.gather(*rings, return_exceptions=True)
