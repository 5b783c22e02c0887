"""SMTP: one connection to the server that takes our mail, and what its answers mean for us."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from ssl import SSLContext

import aiosmtplib

from node.settings import Smtp

PATIENCE = 30.0  # seconds for each answer; many servers think for a while, to be rid of spammers
# 5xx that say nothing about the mail: the server stops, or does not know us (RFC 4954). These get better.
OF_THE_SERVER = {421, 530, 534, 535, 538}
ANSWER = 300  # characters of the server's words that are kept


class MailRefused(Exception):
    """The server will never take this mail."""


class TryLater(Exception):
    """The mail was not taken now; `lost` says that nothing more can be sent over this connection."""

    def __init__(self, why: str, *, lost: bool) -> None:
        super().__init__(why)
        self.lost = lost


class Line:
    """An open connection, to be used for one mail after the other."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    async def send(self, message: EmailMessage) -> str:
        """Hands a mail over and answers what the server said to it. Raises MailRefused or TryLater."""
        try:
            _, answer = await self._client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise self._no(error.recipients[0].code, error.recipients[0].message) from error
        except aiosmtplib.SMTPSenderRefused as error:
            # Our own sender: that is for the admin to set right, and then the mail can go.
            raise self._later(f"the sender was refused: {error.code} {error.message}") from error
        except aiosmtplib.SMTPResponseException as error:
            raise self._no(error.code, error.message) from error
        except (aiosmtplib.SMTPNotSupported, ValueError) as error:
            raise MailRefused(in_a_line(str(error))) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._later(str(error) or type(error).__name__) from error
        return in_a_line(answer)

    def _no(self, code: int, words: str) -> MailRefused | TryLater:
        said = f"{code} {words}"
        if 500 <= code < 600 and code not in OF_THE_SERVER:
            return MailRefused(in_a_line(said))
        return self._later(said)

    def _later(self, why: str) -> TryLater:
        return TryLater(in_a_line(why), lost=not self._client.is_connected)


@asynccontextmanager
async def line(server: Smtp, local_name: str, tls: SSLContext | None = None) -> AsyncIterator[Line]:
    """A connection, encrypted and signed in as the settings say. Raises TryLater when there is none to be had."""
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user or None,
        password=server.password or None,
        local_hostname=local_name,
        use_tls=server.encryption == "tls",
        start_tls=server.encryption == "starttls",  # True demands it, and nothing is said before
        tls_context=tls,
        timeout=PATIENCE,
    )
    try:
        await client.connect()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        client.close()
        words = str(error) or type(error).__name__
        if isinstance(error, aiosmtplib.SMTPResponseException):
            words = f"{error.code} {error.message}"
        raise TryLater(in_a_line(f"{server.host}:{server.port}: {words}"), lost=True) from error
    try:
        yield Line(client)
    finally:
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=5)
        client.close()


def in_a_line(words: str) -> str:
    """The server's words, fit for a log and a terminal."""
    return " ".join(re.sub(r"[^\x20-\x7e]+", " ", words).split())[:ANSWER]
