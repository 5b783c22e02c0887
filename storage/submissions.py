"""Forms that were sent, by their nonce: sent again, they lead to what came of them the first time."""

from datetime import timedelta

from sqlalchemy import delete

from storage.schema import Submission
from storage.work import Work

KEPT = timedelta(days=2)  # a page left open over night may still be sent again in the morning


def find(work: Work, actor_id: int, nonce: str) -> Submission | None:
    """The form that this actor sent with that nonce."""
    return work.get(Submission, (actor_id, nonce))


def forget_old(work: Work) -> None:
    """Drops those that nobody will send again."""
    work.execute(delete(Submission).where(Submission.sent_at < work.now - KEPT))
