"""Everything here that reads bytes of strangers, in the order in which it is fuzzed."""

from tests.fuzz import (
    activities,
    backups,
    block_lists,
    discovery,
    documents,
    headers,
    html,
    markdown,
    objects,
    signatures,
)
from tests.fuzz.reader import Reader

READERS: dict[str, Reader] = {
    module.READER.name: module.READER
    for module in (
        signatures, documents, activities, objects, html, markdown, discovery, headers, block_lists, backups,
    )
}  # fmt: skip
