"""What is asked of the database about a letter before it is kept: one question, for letters come in floods."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, select

from storage import hosts, limits
from storage.schema import Actor, Host
from storage.work import Work

# Made once: to build such a statement takes longer than to run it.
_STANDING = select(
    Host.limit,
    Host.state,
    Host.failures,
    Host.next_try_at,
    Host.last_inbound_at,
    select(Actor.state).where(Actor.uri == bindparam("signer")).scalar_subquery().label("signer"),
).where(Host.host == bindparam("host"))


@dataclass(frozen=True, slots=True)
class Standing:
    """How whoever sent a letter stands here."""

    suspended_host: bool
    suspended_signer: bool


def standing(work: Work, host: str, signer: str) -> Standing:
    """How a host and an actor of it stand, as of this very moment."""
    row = work.execute(_STANDING, {"host": host, "signer": signer}).one_or_none()
    if row is None:  # the first that we hear from there
        known = work.scalar(select(Actor.state).where(Actor.uri == signer))
        found = Standing(limits.of(work, host).kind == limits.SUSPEND, known == "suspended")
    else:
        found = Standing(row.limit == limits.SUSPEND, row.signer == "suspended")
    if not (found.suspended_host or found.suspended_signer) and (row is None or _is_news(work, row)):
        hosts.heard_from(work, host)
    return found


def _is_news(work: Work, host: Row[*tuple[Any, ...]]) -> bool:
    """That something came from there changes what is written down of the host; most of the time it does not."""
    heard = host.last_inbound_at is not None and work.now - host.last_inbound_at <= hosts.HEARD_WITHIN
    waits = host.failures and host.next_try_at is not None and host.next_try_at > work.now + hosts.SOON
    return not heard or host.state == "dead" or bool(waits)
