"""Activities: opened, reopened and confirmed; nothing is believed that its origin did not say."""

from __future__ import annotations

from federation import inbox
from federation.activities import MOST_OBJECTS, Activity, parse_json
from federation.addresses import same_origin
from federation.documents import MOST_ADDRESSEES, PUBLIC, Document, address
from federation.errors import FederationError, Gone, Malformed
from tests.fuzz import samples
from tests.fuzz.reader import Reader


def seeds() -> list[bytes]:
    return samples.as_bytes(samples.activities())


def read(data: bytes) -> None:
    """What an inbox does with a letter; raises where more is believed than may be."""
    try:
        document = parse_json(data)
        activity = Activity.parse(document)
    except Malformed:
        return
    _judge(activity)
    assert Activity.parse(document) == activity
    try:
        inner = activity.inner()
    except Malformed:
        inner = None
    if inner is not None:
        _judge(inner)
    for signer in (activity.actor, samples.GROUP):
        try:
            received = inbox.reopen(data, signer, f"{signer}#main-key")
        except FederationError:
            continue
        assert received.forwarded == (received.activity.actor != signer)
    _confirm(activity, document)
    if inner is not None and isinstance(document.get("object"), dict):
        _confirm(inner, document["object"])


def _judge(activity: Activity) -> None:
    for found in (activity.id, activity.actor, activity.object_id, activity.target, *activity.objects):
        assert found is None or address(found) == found, f"{found!r} is not in its one spelling"
    for people in (activity.to, activity.cc, activity.audience):
        assert len(people) <= MOST_ADDRESSEES
        assert all(each == PUBLIC or address(each) == each for each in people)
    assert len(activity.objects) <= MOST_OBJECTS


def _confirm(activity: Activity, served: Document) -> None:
    """Its origin serves this very document for everything it is asked."""
    asked: list[str] = []

    async def fetch(url: str) -> Document:
        asked.append(url)
        if len(asked) == 1 and isinstance(served.get("object"), dict):
            return dict(served["object"])
        if activity.type == "Delete" and len(asked) == 2:
            raise Gone("it is not there")
        return served

    try:
        inbox.confirm(activity, fetch).__await__().send(None)  # it waits for nothing but `fetch`
    except StopIteration as end:
        confirmed: inbox.Received = end.value
        assert confirmed.activity.actor == activity.actor
        assert asked and all(same_origin(url, activity.actor) for url in asked), "somebody else was asked"
    except FederationError:
        pass
    assert len(asked) <= 2, "a letter is confirmed by two questions at most"


READER = Reader("activities", read, seeds, json=True)
