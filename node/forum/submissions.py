"""A form that is sent twice, by a nervous finger or a lost connection, does what it asks for once.

    led_to = submissions.once(work, reader.id, nonce)
    if led_to is None:
        led_to = path_of(threads.start_thread(...))
        submissions.keep(work, reader.id, nonce, led_to)

Two that come at the same moment are one as well: the second waits for the first's row and then runs again.
"""

from node.forum.errors import Invalid
from storage import submissions
from storage.schema import Submission
from storage.work import Work

LONGEST = 64  # characters of a nonce


def once(work: Work, actor_id: int, nonce: str | None) -> str | None:
    """What came of this form when it was sent before; None the first time."""
    if not nonce:
        return None
    if len(nonce) > LONGEST or not nonce.isascii() or not nonce.isprintable():
        raise Invalid("This form was not made here; open it again.")
    known = submissions.find(work, actor_id, nonce)
    if known is None:
        # Before anything is done: a second one that comes at the same moment waits here, and runs again.
        work.add(Submission(actor_id=actor_id, nonce=nonce, led_to="", sent_at=work.now))
        work.flush()
        return None
    return known.led_to or None


def keep(work: Work, actor_id: int, nonce: str | None, led_to: str) -> None:
    """Remembers what came of a form, in the transaction that did it."""
    known = submissions.find(work, actor_id, nonce) if nonce else None
    if known is not None:
        known.led_to = led_to
