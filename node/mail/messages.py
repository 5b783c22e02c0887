"""Messages: a mail of the queue in the form in which it travels (RFC 5322): text and HTML, and headers that hold."""

import re
from datetime import UTC
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import urlsplit

import idna

from node.settings import MAILBOX, Settings
from storage.mails import Waiting

# What has a meaning in headers is left out of names: to quote it right is what mail programs, Python too, get wrong.
UNSPOKEN = r"[^\w .'\u2019&+/-]|[\x00-\x1f]"


def build(mail: Waiting, settings: Settings) -> EmailMessage:
    """The message, always the same for the same mail: who gets it twice after a crash can tell (REL-07)."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = sender(settings)
    message["To"] = _address(mail.to_name, mail.to_address)
    message["Subject"] = mail.subject
    message["Date"] = mail.created_at.astimezone(UTC)
    message["Message-ID"] = f"<{mail.uid}@{_host(settings)}>"
    # So that no holiday notice comes back (RFC 3834; the second is Exchange's own).
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    for name, value in mail.headers.items():
        message[name] = value
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message


def sender(settings: Settings) -> Address:
    """Who our mail is from."""
    given = re.fullmatch(MAILBOX, settings.mail_from)
    if given is None:
        return _address(settings.name, f"noreply@{_host(settings)}")
    name = (given["name"] or "").strip().strip('"')
    return _address(name or settings.name, given["given"] or given["bare"])


def local_name(settings: Settings) -> str:
    """What we call ourselves to the other server; asking the system may wait for a name server."""
    return _host(settings)


def _host(settings: Settings) -> str:
    host = urlsplit(settings.origin).hostname or "localhost"
    return "localhost" if ":" in host or re.fullmatch(r"[\d.]+", host) else _ascii(host)


def _address(name: str, given: str) -> Address:
    local, _, host = given.rpartition("@")
    plain = " ".join(re.sub(UNSPOKEN, " ", name).split())
    return Address(display_name=plain, username=local, domain=_ascii(host))


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host  # the server of our mail will say no to it
