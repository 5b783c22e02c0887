"""What an admin does about deliveries and letters that did not get through: try again, or throw away."""

from node.forum import accounts, upkeep
from node.forum.errors import NotFound
from storage import letters, moderation, queues
from storage.queues import Again
from storage.schema import Actor, GivenUp
from storage.work import Work


def retry_host(work: Work, by: Actor | None, host: str, reason: str = "") -> int:
    """Tries all that waits for a host now; says how much that is."""
    _keep(work, by, "retry deliveries", host, reason)
    return queues.retry(work, host)


def retry_delivery(work: Work, by: Actor | None, delivery_id: int, reason: str = "") -> None:
    """Tries a delivery that was put aside anew."""
    _keep(work, by, "retry delivery", str(delivery_id), reason)
    _must(queues.unpark(work, delivery_id))


def drop_delivery(work: Work, by: Actor | None, delivery_id: int, reason: str) -> None:
    """Gives up a delivery that was put aside."""
    _keep(work, by, "throw away delivery", str(delivery_id), reason)
    _must(queues.throw_away(work, delivery_id, reason or "thrown away by an admin"))


def retry_letter(work: Work, by: Actor | None, letter_id: int, reason: str = "") -> None:
    """Has a letter that was put aside read anew."""
    _keep(work, by, "retry letter", str(letter_id), reason)
    _must(letters.unpark(work, letter_id))


def drop_letter(work: Work, by: Actor | None, letter_id: int, reason: str) -> None:
    """Has a letter that was put aside never be read."""
    _keep(work, by, "throw away letter", str(letter_id), reason)
    _must(letters.throw_away(work, letter_id, reason or "by an admin"))


def owe_again(
    work: Work, by: Actor | None, *, host: str = "", activity_id: int = 0, ids: tuple[int, ...] = (),
    reason: str = "", after: int = 0,
) -> Again:  # fmt: skip
    """Owes anew what was given up for a host, of an activity, or by number; a piece at a time, after an id."""
    if after == 0:
        about = host or (f"activity {activity_id}" if activity_id else ", ".join(map(str, ids)))
        _keep(work, by, "owe again", about, reason)
    if host:
        return queues.owe_again(work, GivenUp.host == host, after=after)
    if activity_id:
        return queues.owe_again(work, GivenUp.activity_id == activity_id, after=after)
    return queues.owe_again(work, GivenUp.id.in_(ids), after=after)


def _keep(work: Work, by: Actor | None, verb: str, about: str, reason: str) -> None:
    accounts.must_be_admin(work, by)
    moderation.keep_act(work, by, verb, about, upkeep.clean_reason(reason), None)


def _must(found: bool) -> None:
    if not found:
        raise NotFound("Nothing of that number was put aside.")
