"""Limits of other servers by an admin's own word, which goes before every list; nothing that was said is deleted."""

import csv
import io
from collections.abc import Callable

from node.forum import accounts, upkeep
from node.forum.errors import Invalid
from node.forum.host_names import host_name
from storage import hosts, limits, moderation
from storage.limits import Limit
from storage.schema import Actor
from storage.work import Work


def block(work: Work, by: Actor | None, host: str, reason: str = "") -> Limit:
    """Nothing comes from a server and its subdomains, nothing of it is shown or fetched, nothing goes there."""
    return _say(work, by, "block", host, reason, hosts.block)


def unblock(work: Work, by: Actor | None, host: str, reason: str = "") -> Limit:
    """Takes the block back: what was hidden shows again. Answers what holds still, by a list or the mode."""
    return _take_back(work, by, "unblock", host, reason, hosts.unblock)


def silence(work: Work, by: Actor | None, host: str, reason: str = "") -> Limit:
    """Its people may take part, and are pushed at nobody who did not ask for them."""
    return _say(work, by, "silence", host, reason, hosts.silence)


def unsilence(work: Work, by: Actor | None, host: str, reason: str = "") -> Limit:
    """Takes the silence back."""
    return _take_back(work, by, "unsilence", host, reason, hosts.unsilence)


def allow(work: Work, by: Actor | None, host: str, reason: str = "") -> Limit:
    """Lets a server and its subdomains in, whatever the lists say and where only allowed ones are let in."""
    return _say(work, by, "allow", host, reason, lambda work, name, _: hosts.allow(work, name))


def disallow(work: Work, by: Actor | None, host: str, reason: str = "") -> Limit:
    """Takes that back."""
    return _take_back(work, by, "disallow", host, reason, hosts.disallow)


# What a form or a command may ask for, by its name.
ACTS: dict[str, Callable[[Work, Actor | None, str, str], Limit]] = {
    "block": block,
    "unblock": unblock,
    "silence": silence,
    "unsilence": unsilence,
    "allow": allow,
    "disallow": disallow,
}


def _say(
    work: Work, by: Actor | None, verb: str, host: str, reason: str, change: Callable[[Work, str, str], object]
) -> Limit:
    accounts.must_be_admin(work, by)
    name, reason = host_name(host), upkeep.clean_reason(reason)
    if name in _our_names(work):
        raise Invalid("That is this server itself.", field="host")
    change(work, name, reason)
    moderation.keep_act(work, by, verb, name, reason, None)
    return limits.of(work, name)


def _take_back(
    work: Work, by: Actor | None, verb: str, host: str, reason: str, change: Callable[[Work, str], object]
) -> Limit:
    return _say(work, by, verb, host, reason, lambda work, name, _: change(work, name))


def _our_names(work: Work) -> tuple[str, str]:
    """Ours with and without its port."""
    ours = work.origin.split("://", 1)[1]
    return ours, ours.partition(":")[0]


# ------------------------------------------------------------------ for others


COLUMNS = ("#domain", "#severity", "#reject_media", "#reject_reports", "#public_comment", "#obfuscate")


def export(work: Work) -> str:
    """What our admins said themselves, in the CSV that Mastodon and others import; lists of others are theirs."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in hosts.named(work):
        if row.blocked_at is not None or row.silenced_at is not None:
            severity = limits.SUSPEND if row.blocked_at is not None else limits.SILENCE
            blocked = row.blocked_at is not None
            why = (row.blocked_why if blocked else row.silenced_why) or ""
            # A table program must not take somebody's reason for a formula.
            why = f"'{why}" if why.startswith(("=", "+", "-", "@")) else why
            writer.writerow([row.host, severity, str(blocked), str(blocked), why, "False"])
    return out.getvalue()
