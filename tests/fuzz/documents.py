"""JSON: what is taken is what every other parser takes it for, and it can be written and read again."""

from __future__ import annotations

import orjson

from federation import documents
from federation.errors import Malformed
from tests.fuzz.reader import Reader

KEYS = ("id", "type", "to", "object", "url", "totalItems", "published", "")


def seeds() -> list[bytes]:
    return [
        b'{"@context":"https://www.w3.org/ns/activitystreams","id":"https://peer.test/1","type":["Note","Page"]}',
        b'{"to":["as:Public",{"id":"https://peer.test/u"}],"totalItems":9223372036854775807,"x":-0.0,"y":1e-7}',
        '{"published":"2026-01-15T12:00:00+01:00","name":"Größe \\ud83d\\ude00 \\u00e9","n":null,"t":true}'.encode(),
        b'{"a":[[[[[[[[{"@context":{"@reverse":"x"}}]]]]]]]],"b":{"c":{"d":{}}}}',
        b"[1,2,3]",
        b'{"a":1,"a":2}',
    ]


def read(data: bytes) -> None:
    """Strict JSON; raises where another parser would have read something else."""
    try:
        document = documents.parse_json(data)
    except Malformed:
        return
    assert document == orjson.loads(data), "another parser reads another document"
    assert documents.parse_json(documents.serialise(document)) == document, "written and read, it is another"
    for key in KEYS:
        read_fields(document, key)


def read_fields(document: documents.Document, key: str) -> None:
    """Every way in which a value is read; raises where what comes out is not what was promised."""
    for found in (*documents.urls(document, key), *documents.addressees(document, key)):
        assert found == documents.PUBLIC or documents.address(found) == found, f"{found!r} is not in its one spelling"
    assert len(documents.addressees(document, key)) <= documents.MOST_ADDRESSEES
    moment = documents.when(document, key)
    assert moment is None or moment.utcoffset() is not None
    if moment is not None:
        documents.moment(moment)
    number = documents.number(document, key)
    assert number is None or 0 <= number < 2**63
    documents.flag(document, key)
    documents.text(document, key, limit=10)
    documents.url(document, key)


READER = Reader(
    "documents",
    read,
    seeds,
    words=("\\u0000", "\\ud800", "\\udc00", "NaN", "Infinity", "1e999", "@context", "@graph", "@reverse", "as:Public",
           "\\u00", "null", "true", "-0", "https://peer.test/", "18446744073709551616"),
)  # fmt: skip
