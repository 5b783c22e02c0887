"""Documents captured from real servers are read without a fault; they are not part of the project."""

import os
from pathlib import Path

import pytest

from federation.activities import ACTIVITY_TYPES, Activity
from federation.actors import RemoteActor, is_actor
from federation.collections import Collection, is_collection
from federation.discovery import read_webfinger
from federation.documents import parse_json
from federation.errors import Malformed
from federation.objects import Post, is_post, is_tombstone

FOLDER = os.environ.get("FOLKMOOT_WIRE", "")
DOCUMENTS = sorted(Path(FOLDER).rglob("*.json")) if FOLDER else []

# What is no document of a peer, or breaks a rule we keep, and why.
REFUSED = {
    "feeds/feed_follow.json": "a list of examples, not a document",
    "feeds/feed_json.json": "an actor of type Feed, which only PieFed has",
    "gnusocial/activities/like_note.json": "the actor's host has an underscore, which no host name may have",
}

pytestmark = pytest.mark.skipif(not FOLDER, reason="FOLKMOOT_WIRE names no folder of captured documents")


def captured(path: Path) -> bytes:
    # Mbin's snapshots hide the ids that change from run to run.
    return path.read_bytes().replace(b"SCRUBBED_ID", b"https://kbin.test/1")


def read(doc: dict) -> object:
    if is_collection(doc):
        return Collection.parse(doc)
    if is_actor(doc):
        return RemoteActor.parse(doc)
    if is_post(doc):
        return Post.parse(doc)
    if is_tombstone(doc):
        return doc
    if "links" in doc and "subject" in doc:
        return read_webfinger(doc)
    if doc.get("type") == "QuoteAuthorization":
        return doc
    activity = Activity.parse(doc)
    embedded = activity.inner()
    held = embedded.object if embedded else activity.object
    if isinstance(held, dict) and (embedded or activity).type in ("Create", "Update"):
        read(held)
    return activity


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_captured_document_is_read(path):
    if any(str(path).endswith(name) for name in REFUSED):
        with pytest.raises(Malformed):
            read(parse_json(captured(path)))
        return
    read(parse_json(captured(path)))


def test_captured_activities_are_of_known_types():
    odd = set()
    for path in DOCUMENTS:
        doc = parse_json(captured(path))
        if "actor" in doc and "object" in doc and doc.get("type") not in ACTIVITY_TYPES and not is_post(doc):
            odd.add(doc["type"])
    assert odd <= {"Warn", "Resolve"}  # Lemmy's own, answered and left
