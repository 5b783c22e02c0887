"""How often something may be tried: enough for whoever mistypes, far too seldom for whoever guesses."""

import hashlib
import math
from dataclasses import dataclass
from datetime import timedelta

from storage import tallies
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries within a while."""

    name: str
    most: int
    within: timedelta


QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)

# Passwords. Somebody at one place and one account; one place and any account; one account from anywhere. The last
# does not hold for where its owner is signed in, and never for a mailed link or a passkey: nobody can be locked out.
PASSWORD_HERE = Limit("password-here", 10, QUARTER)
PASSWORD_NETWORK = Limit("password-network", 100, QUARTER)
PASSWORD_ACCOUNT = Limit("password-account", 50, HOUR)
# Second factors: who gets this far knows the password. A code is one in a million, three of them count at a time.
SECOND_FACTOR = Limit("second-factor", 15, HOUR)
# Links that are asked for. Beyond the first nobody is written to any more; the answer stays the same.
MAIL_ADDRESS = Limit("mail-address", 5, HOUR)
MAIL_NETWORK = Limit("mail-network", 20, HOUR)
CODE = Limit("code", 30, HOUR)
# Accounts that are asked for: a school behind one address is slow, and so is a robot with many (WEB-21).
SIGN_UP_NETWORK = Limit("sign-up-network", 12, HOUR)
SIGN_UP_NODE = Limit("sign-up-node", 200, timedelta(minutes=10))
PASSKEY_NETWORK = Limit("passkey-network", 120, HOUR)  # each leaves a row until it expires
LINKS_BACK = Limit("links-back", 12, HOUR)  # saves of a profile that make us ask other servers

Try = tuple[Limit, str]


def take(work: Work, *tries: Try) -> int:
    """Counts a try under each limit; answers the seconds to wait where one was reached, else 0.

    A verb of its own, that returns: what it counts must outlast the refusal that follows.
    """
    wait = 0
    for limit, what in tries:
        count, until = tallies.count(work, _key(limit, what), limit.within)
        if count > limit.most:
            wait = max(wait, math.ceil((until - work.now).total_seconds()), 1)
    return wait


def is_reached(work: Work, limit: Limit, what: str) -> bool:
    """The next try would be one too many."""
    return tallies.standing(work, _key(limit, what))[0] >= limit.most


def forgive(work: Work, *tries: Try) -> None:
    """It was no guess after all: the try does not count."""
    for limit, what in tries:
        tallies.take_back(work, _key(limit, what))


def forget(work: Work, limit: Limit, what: str) -> None:
    """Begins anew."""
    tallies.forget(work, _key(limit, what))


def _key(limit: Limit, what: str) -> str:
    # Hashed: whoever was mistyped, and from where, is nothing to keep in the clear; and a key has a length.
    return f"{limit.name}:{hashlib.sha256(what.encode('utf-8', 'replace')).hexdigest()[:40]}"
