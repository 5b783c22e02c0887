"""Sending: a real SMTP server, that takes, delays, refuses and dies; nothing is lost, on both engines."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from node.app import opened
from node.fediverse import leases
from node.mail import writing
from node.mail.sending import GIVEN_UP, NO_SERVER, Mailer, folder
from node.settings import Settings
from storage import mails
from storage.work import Storage, StorageUnavailable
from tests.conftest import HeldClock
from tests.equipment.certificates import authority
from tests.equipment.nodes import Moot
from tests.equipment.processes import ROOT, free_port
from tests.mail.conftest import Mailbox, mail_server

Rows = Callable[[], Any]


@pytest.fixture
def write(storage: Storage) -> Callable[..., Any]:
    """Mails to these people of the coop."""

    async def write(*names: str, kind: str = "joined", **values: Any) -> None:
        given = values or {"group": "Garden", "link": "/g/garden"}
        for name in names:
            await storage.write(writing.write, kind, to_address=f"{name}@coop.example", **given)

    return write


def subjects(mailbox: Mailbox) -> list[str]:
    return [str(message["Subject"]) for message in mailbox.received]


# ------------------------------------------------------------------ what goes well


async def test_a_mail_is_sent_once_and_its_words_are_erased(
    mailer: Mailer, mailbox: Mailbox, write: Any, rows: Rows
) -> None:
    await write("ana", kind="sign_in", link="/sign-in/link/5f3a", code="123456")

    assert await mailer.send_due() == 1
    assert await mailer.send_due() == 0

    [message], [envelope], [row] = mailbox.received, mailbox.envelopes, await rows()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("noreply@node.test", ["ana@coop.example"])
    assert "123456" in message.get_body(("plain",)).get_content()
    assert "https://node.test/sign-in/link/5f3a" in message.get_body(("html",)).get_content()
    assert (row.sent_at is not None, row.lease_owner, row.last_error) == (True, None, None)
    assert (row.subject, row.text, row.html, row.headers) == ("", "", "", None)


async def test_several_mails_go_over_one_connection(mailer: Mailer, mailbox: Mailbox, write: Any) -> None:
    await write("ana", "ben", "cem")

    await mailer.send_due()

    assert sorted(envelope.rcpt_tos[0].partition("@")[0] for envelope in mailbox.envelopes) == ["ana", "ben", "cem"]
    assert len(mailbox.sessions) == 1


async def test_many_mails_go_over_a_few_connections(mailer: Mailer, mailbox: Mailbox, write: Any) -> None:
    await write(*(f"member{number}" for number in range(45)))

    await mailer.send_due()

    assert len({envelope.rcpt_tos[0] for envelope in mailbox.envelopes}) == len(mailbox.received) == 45


async def test_nothing_is_said_before_the_connection_is_encrypted(
    make_mailer: Callable[..., Mailer], write: Any
) -> None:
    """STARTTLS, with the certificate checked, and then the password."""
    mailbox = Mailbox()
    context = authority().server_context()
    async with mail_server(
        mailbox, tls_context=context, require_starttls=True, auth_required=True, authenticator=mailbox.authenticate
    ):
        await write("ana")
        await make_mailer(smtp_url=f"smtp://moot%40coop:p%2Fw@localhost:{mailbox.port}").send_due()

    assert subjects(mailbox) == ["You are a member of Garden"]
    assert mailbox.users == [("moot@coop", "p/w")]


async def test_a_connection_may_be_encrypted_from_the_start(make_mailer: Callable[..., Mailer], write: Any) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, ssl=authority().server_context()):
        await write("ana")
        await make_mailer(smtp_url=f"smtps://localhost:{mailbox.port}").send_due()

    assert subjects(mailbox) == ["You are a member of Garden"]


# ------------------------------------------------------------------ what does not


async def test_a_server_that_cannot_encrypt_gets_nothing(
    make_mailer: Callable[..., Mailer], mailbox: Mailbox, write: Any, rows: Rows
) -> None:
    """Somebody in between can take the offer of STARTTLS out of what the server says."""
    await write("ana")

    await make_mailer(smtp_url=f"smtp://ana:p%2Fw@127.0.0.1:{mailbox.port}").send_due()

    [row] = await rows()
    assert (mailbox.received, mailbox.users) == ([], [])
    assert "STARTTLS" in row.last_error
    assert row.sent_at is row.parked_at is None


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_server_with_a_certificate_of_another_name_gets_nothing(
    scheme: str, make_mailer: Callable[..., Mailer], write: Any, rows: Rows
) -> None:
    mailbox, context = Mailbox(), authority().server_context()
    encrypted = {"ssl": context} if scheme == "smtps" else {"tls_context": context}
    async with mail_server(mailbox, **encrypted):
        await write("ana")
        await make_mailer(smtp_url=f"{scheme}://127.0.0.1:{mailbox.port}").send_due()

    [row] = await rows()
    assert mailbox.received == []
    assert "certificate" in row.last_error.lower()


async def test_a_wrong_password_delays_mail_and_loses_none(
    make_mailer: Callable[..., Mailer], write: Any, rows: Rows, clock: HeldClock
) -> None:
    mailbox, context = Mailbox(), authority().server_context()
    async with mail_server(
        mailbox, tls_context=context, require_starttls=True, auth_required=True, authenticator=mailbox.authenticate
    ):
        await write("ana")
        await make_mailer(smtp_url=f"smtp://moot:wrong@localhost:{mailbox.port}").send_due()
        [row] = await rows()
        assert row.last_error.startswith(f"localhost:{mailbox.port}: 535")
        assert row.parked_at is None

        clock.forward(minutes=5)
        await make_mailer(smtp_url=f"smtp://moot:p%2Fw@localhost:{mailbox.port}").send_due()

    assert len(mailbox.received) == 1


async def test_what_is_refused_for_now_is_tried_later_and_later(
    mailer: Mailer, mailbox: Mailbox, write: Any, rows: Rows, clock: HeldClock
) -> None:
    mailbox.to_recipients.extend(["451 greylisted", "451 greylisted"])
    await write("ana")

    for tries, seconds in ((1, 10), (2, 20)):
        assert await mailer.send_due() == 1
        [row] = await rows()
        assert (row.tries, row.last_error, row.next_try_at - clock()) == (
            tries,
            "451 greylisted",
            timedelta(seconds=seconds),
        )
        assert await mailer.send_due() == 0
        clock.forward(seconds=seconds)
    assert await mailer.send_due() == 1

    assert len(mailbox.received) == 1


async def test_one_that_is_refused_for_good_is_parked_with_the_answer_and_the_others_go(
    mailer: Mailer, mailbox: Mailbox, write: Any, rows: Rows
) -> None:
    mailbox.to_recipients.extend(["250", "550 5.1.1 <ben@coop.example>: nobody here"])
    await write("ana", "ben", "cem")

    await mailer.send_due()

    ana, ben, cem = await rows()
    assert ana.sent_at
    assert cem.sent_at
    assert ben.parked_at is not None
    assert ben.last_error == "550 5.1.1 <ben@coop.example>: nobody here"
    assert ben.text, "an admin may have it tried again"
    assert len(mailbox.sessions) == 1


async def test_words_that_are_refused_are_parked(mailer: Mailer, mailbox: Mailbox, write: Any, rows: Rows) -> None:
    mailbox.to_data.append("554 looks like spam")
    await write("ana")

    await mailer.send_due()

    [row] = await rows()
    assert row.parked_at is not None
    assert row.last_error == "554 looks like spam"


async def test_a_sender_that_is_refused_is_ours_to_set_right(
    mailer: Mailer, mailbox: Mailbox, write: Any, rows: Rows
) -> None:
    mailbox.to_senders.append("553 you are not noreply@node.test")
    await write("ana")

    await mailer.send_due()

    [row] = await rows()
    assert row.parked_at is None
    assert row.last_error.startswith("the sender was refused: 553")


async def test_what_an_admin_wants_tried_again_is_tried_again(
    mailer: Mailer, mailbox: Mailbox, write: Any, storage: Storage
) -> None:
    mailbox.to_data.append("554 looks like spam")
    await write("ana")
    await mailer.send_due()

    assert await storage.write(mails.retry) == 1
    await mailer.send_due()

    assert len(mailbox.received) == 1
    assert await storage.write(mails.retry) == 0, "what was sent has no words any more"


async def test_when_the_server_is_away_for_three_days_nothing_is_lost_and_nothing_comes_twice(
    make_mailer: Callable[..., Mailer], write: Any, rows: Rows, clock: HeldClock
) -> None:
    """REL-42."""
    port = free_port()
    mailer = make_mailer(smtp_url=f"smtp://127.0.0.1:{port}?starttls=no")
    await write("ana", "ben")
    for _ in range(36):
        clock.forward(hours=2)
        await mailer.send_due()
    assert [row.parked_at for row in await rows()] == [None, None]

    clock.forward(hours=2)
    async with mail_server(Mailbox(), port=port) as mailbox:
        await mailer.send_due()
        await mailer.send_due()

    assert len(mailbox.received) == 2
    assert [row.sent_at is not None for row in await rows()] == [True, True]


async def test_after_days_a_mail_is_given_up_with_its_last_error(
    make_mailer: Callable[..., Mailer], write: Any, rows: Rows, clock: HeldClock
) -> None:
    mailer = make_mailer(smtp_url=f"smtp://127.0.0.1:{free_port()}?starttls=no")
    await write("ana")
    await mailer.send_due()
    clock.forward(days=GIVEN_UP.days)

    await mailer.send_due()

    [row] = await rows()
    assert row.parked_at is not None
    assert row.last_error.startswith("given up after 5 days: 127.0.0.1")


async def test_a_link_that_works_no_more_is_not_sent_days_later(
    mailer: Mailer, mailbox: Mailbox, write: Any, rows: Rows, clock: HeldClock
) -> None:
    await write("ana", kind="sign_in", link="/sign-in/link/5f3a", code="123456")
    clock.forward(minutes=20)

    await mailer.send_due()

    [row] = await rows()
    assert mailbox.received == []
    assert (row.parked_at is not None, row.text, row.html) == (True, "", "")


async def test_a_server_that_hangs_up_in_the_middle_delays_one_mail_only(
    mailer: Mailer, mailbox: Mailbox, write: Any, rows: Rows, clock: HeldClock
) -> None:
    mailbox.to_data.extend(["250", "421 closing"])
    await write("ana", "ben", "cem")

    await mailer.send_due()

    assert [row.sent_at is not None for row in await rows()] == [True, False, True]
    clock.forward(minutes=1)
    await mailer.send_due()
    assert [row.sent_at is not None for row in await rows()] == [True, True, True]
    assert len(mailbox.received) == 3


# ------------------------------------------------------------------ without a server


async def test_in_development_a_mail_is_a_file(
    make_mailer: Callable[..., Mailer], write: Any, rows: Rows, tmp_path: Path
) -> None:
    mailer = make_mailer(origin="http://127.0.0.1:4100", development=True)
    await write("ana", kind="sign_in", link="/sign-in/link/5f3a", code="123456")

    await mailer.send_due()

    [row] = await rows()
    [file] = (tmp_path / "mail").iterdir()
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert file.name == f"20261122T120000Z-{row.uid}.eml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "123456" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert row.sent_at is not None


async def test_a_folder_that_cannot_be_written_keeps_the_mail(
    make_mailer: Callable[..., Mailer], write: Any, rows: Rows, tmp_path: Path
) -> None:
    (tmp_path / "mail").write_text("in the way")
    await write("ana")

    await make_mailer(origin="http://127.0.0.1:4100", development=True).send_due()

    [row] = await rows()
    assert row.sent_at is None
    assert "File exists" in row.last_error


async def test_in_production_mail_waits_for_a_server_and_goes_once_there_is_one(
    make_mailer: Callable[..., Mailer], mailbox: Mailbox, write: Any, rows: Rows, clock: HeldClock, tmp_path: Path
) -> None:
    mailer = make_mailer()
    await write("ana")

    await mailer.send_due()
    [row] = await rows()
    assert (row.last_error, row.next_try_at - clock()) == (NO_SERVER, timedelta(hours=1))
    assert not folder(Settings(origin="https://node.test", data=tmp_path)).exists()

    clock.forward(hours=1)
    await make_mailer(smtp_url=f"smtp://127.0.0.1:{mailbox.port}?starttls=no").send_due()
    assert len(mailbox.received) == 1


# ------------------------------------------------------------------ stopping and dying


async def test_when_it_is_stopped_the_mail_in_hand_is_finished_and_the_others_are_given_back(
    mailer: Mailer, mailbox: Mailbox, write: Any, rows: Rows
) -> None:
    mailbox.hold, stop = asyncio.Event(), asyncio.Event()
    await write("ana", "ben", "cem")

    working = asyncio.create_task(mailer.run(stop))
    await mailbox.arrived.wait()
    stop.set()
    mailbox.hold.set()
    await working

    ana, ben, cem = await rows()
    assert ana.sent_at is not None
    assert [(row.sent_at, row.lease_owner, row.tries) for row in (ben, cem)] == [(None, None, 0)] * 2


async def test_senders_never_send_the_same(make_mailer: Callable[..., Mailer], mailbox: Mailbox, write: Any) -> None:
    await write(*(f"member{number}" for number in range(60)))
    url = f"smtp://127.0.0.1:{mailbox.port}?starttls=no"

    await asyncio.gather(*(make_mailer(f"here/{n}/1/a", smtp_url=url).send_due() for n in range(3)))

    assert len({envelope.rcpt_tos[0] for envelope in mailbox.envelopes}) == len(mailbox.received) == 60


async def test_what_was_sent_and_could_not_be_written_down_is_not_sent_again(
    mailer: Mailer, mailbox: Mailbox, write: Any, rows: Rows, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full for a moment."""
    await write("ana")
    real, full = storage.write, True

    async def fails(verb: Any, *given: Any, **more: Any) -> Any:
        if full and verb.__name__ == "_apply":
            raise StorageUnavailable("disk full")
        return await real(verb, *given, **more)

    monkeypatch.setattr(storage, "write", fails)
    with pytest.raises(StorageUnavailable):
        await mailer.send_due()
    full = False
    await mailer.send_due()

    [row] = await rows()
    assert row.sent_at is not None
    assert len(mailbox.received) == 1


async def test_a_mail_whose_sender_was_killed_is_sent_by_the_next(
    database_url: str, tmp_path: Path, storage: Storage, rows: Rows
) -> None:
    """REL-04, REL-07: kill -9 between the words and the server's answer; the Message-ID stays the same."""
    await storage.write(writing.write, "joined", to_address="ana@coop.example", group="Garden", link="/g/garden")
    mailbox = Mailbox(hold=asyncio.Event())
    async with mail_server(mailbox):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FOLKMOOT_")},
            "FOLKMOOT_ORIGIN": "https://node.test",
            "FOLKMOOT_DATA": str(tmp_path / "data"),
            "FOLKMOOT_DATABASE_URL": database_url,
            "FOLKMOOT_SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}?starttls=no",
        }
        command = (sys.executable, "-m", "node", "worker")
        worker = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
        async with asyncio.timeout(60):
            await mailbox.arrived.wait()
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
        [row] = await rows()
        assert row.sent_at is None
        assert leases.is_dead(row.lease_owner)

        mailbox.hold.set()
        mailbox.received.clear()
        again = await asyncio.create_subprocess_exec(*command, "--until-idle", cwd=ROOT, env=environment)
        async with asyncio.timeout(60):
            assert await again.wait() == 0

    [row] = await rows()
    assert row.sent_at is not None
    assert {str(message["Message-ID"]) for message in mailbox.received} == {f"<{row.uid}@node.test>"}


async def test_a_mail_of_another_machine_waits_until_its_lease_is_over(
    mailer: Mailer, mailbox: Mailbox, write: Any, storage: Storage, clock: HeldClock
) -> None:
    await write("ana")
    assert len(await storage.write(mails.claim, "elsewhere/1/1/a", 10)) == 1

    assert await mailer.send_due() == 0
    clock.forward(minutes=11)
    assert await mailer.send_due() == 1
    assert len(mailbox.received) == 1


# ------------------------------------------------------------------ with the worker


async def test_the_worker_sends_what_a_verb_wrote(tmp_path: Path, mailbox: Mailbox, clock: HeldClock) -> None:
    settings = Settings(
        origin="https://node.test", data=tmp_path, smtp_url=f"smtp://127.0.0.1:{mailbox.port}?starttls=no"
    )
    async with opened(settings, now=clock) as parts:
        working = asyncio.create_task(parts.worker.run())
        await parts.node.storage.write(
            writing.write, "joined", to_address="ana@coop.example", group="Garden", link="/g/garden"
        )
        async with asyncio.timeout(20):
            await mailbox.arrived.wait()
        await parts.worker.stop()
        await working

    assert subjects(mailbox) == ["You are a member of Garden"]


async def test_until_idle_means_mails_too(node: Moot) -> None:
    await node.storage.write(writing.write, "joined", to_address="ana@coop.example", group="G", link="/g/g")

    await node.settle()

    assert (await node.storage.read(mails.counts)).waiting == 1  # for a server, which this node does not have
    [mail] = await node.storage.read(mails.listed)
    assert mail.last_error == NO_SERVER
