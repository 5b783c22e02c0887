"""E-mail addresses as people type them, in the one form that we keep and compare."""

import re

import idna

from node.forum.errors import Invalid

LONGEST = 254  # RFC 5321, as corrected
# What mailboxes are called in practice. Quoted ones, comments and IP addresses are legal, and a way around
# whoever compares addresses (WEB-12): nobody has lost a member by refusing them.
MAILBOX = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def address(given: str) -> str:
    """The address folded, with the host in ASCII; refuses what no mail goes to, or to two people."""
    mailbox, at, host = given.strip(" ").rpartition("@")
    mailbox = mailbox.lower()
    if at and given.isprintable() and len(mailbox) <= 64 and MAILBOX.fullmatch(mailbox):
        host = _host(host)
        if host and len(mailbox) + 1 + len(host) <= LONGEST:
            return f"{mailbox}@{host}"
    raise Invalid("That is not an e-mail address such as ana@coop.example.", field="email")


def _host(given: str) -> str:
    try:
        host = idna.encode(given.lower(), uts46=True).decode() if not given.isascii() else given.lower()
    except idna.IDNAError:
        return ""
    labels = host.split(".")
    sound = len(labels) > 1 and all(LABEL.fullmatch(label) for label in labels)
    return host if sound and not labels[-1].isdigit() else ""
