"""A real mail server on loopback, and a node that sends to it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from ssl import SSLContext
from typing import Any, cast

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from node.mail.sending import Mailer
from node.node import Node
from node.settings import Settings
from storage.schema import Mail
from storage.work import Storage, Work
from tests.equipment.certificates import authority


@dataclass
class Mailbox:
    """What came in, and what the server says to what comes next."""

    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    to_senders: deque[str] = field(default_factory=deque)
    to_recipients: deque[str] = field(default_factory=deque)
    to_data: deque[str] = field(default_factory=deque)
    sessions: set[int] = field(default_factory=set)  # connections over which something was sent
    users: list[tuple[str, str]] = field(default_factory=list)
    hold: asyncio.Event | None = None  # while it is not set, no mail is answered
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_senders:
            return self.to_senders.popleft()
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_recipients and (answer := self.to_recipients.popleft()) != "250":
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        self.arrived.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.to_data and (answer := self.to_data.popleft()) != "250":
            return answer
        self.sessions.add(id(session))
        self.envelopes.append(envelope)
        self.received.append(cast(EmailMessage, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 taken as 4711"

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        self.users.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"p/w", handled=False)


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox, *, ssl: SSLContext | None = None, port: int = 0, **how: Any
) -> AsyncIterator[Mailbox]:
    """An SMTP server on loopback for as long as the block takes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="mail.test", loop=loop, **how), "127.0.0.1", port, ssl=ssl
    )
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """A server without encryption, such as there may be one on the same machine."""
    async with mail_server(Mailbox()) as mailbox:
        yield mailbox


def middle() -> float:
    """Neither early nor late."""
    return 0.5


@pytest.fixture
def make_mailer(storage: Storage, tmp_path: Path) -> Callable[..., Mailer]:
    """A mailer with these settings."""

    def make(owner: str = "here/1/1/a", **settings: Any) -> Mailer:
        chosen = Settings(**{"origin": "https://node.test", "name": "Mill Lane", "data": tmp_path} | settings)
        node = Node(chosen, storage, None)  # type: ignore[arg-type]  # it sends no activities
        return Mailer(node, owner, chance=middle, tls=authority().client_context())

    return make


@pytest.fixture
def mailer(make_mailer: Callable[..., Mailer], mailbox: Mailbox) -> Mailer:
    """A mailer that sends to the mailbox."""
    return make_mailer(smtp_url=f"smtp://127.0.0.1:{mailbox.port}?starttls=no")


@pytest.fixture
def rows(storage: Storage) -> Callable[[], Any]:
    """The mails in the queue, oldest first."""

    async def look() -> list[Mail]:
        def read(work: Work) -> list[Mail]:
            return work.query(Mail).order_by(Mail.id).all()

        return await storage.read(read)

    return look
