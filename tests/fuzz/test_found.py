"""What the fuzzers begin with and what they once found: no reader is surprised by any of it again."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.mutations import bent
from tests.fuzz.reader import Reader
from tests.fuzz.readers import READERS

FOUND = [(name, path) for name, reader in READERS.items() for path in reader.found()]


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Reader:
    return READERS[request.param]


@pytest.mark.parametrize(("name", "path"), FOUND, ids=[f"{name}-{path.name}" for name, path in FOUND])
def test_what_was_found_once_is_read_or_refused(name: str, path: Path) -> None:
    READERS[name].try_out(path.read_bytes())


def test_what_the_fuzzers_begin_with_is_read_or_refused(reader: Reader) -> None:
    for seed in reader.seeds():
        reader.try_out(seed)


def test_samples_cut_short_swapped_and_bent_are_read_or_refused(reader: Reader) -> None:
    """PAR-01: the fuzzers in small, without atheris and the same every time."""
    random = Random(reader.name)
    seeds = reader.seeds()
    for number in range(150):
        data = random.choice(seeds)
        made = bent(data, reader.longest, random) if reader.json and number % 4 else None
        reader.try_out(_scrambled(data, random.choice(seeds), reader, random) if made is None else made)


def _scrambled(data: bytes, other: bytes, reader: Reader, random: Random) -> bytes:
    cut = random.randint(0, len(data))
    match random.randrange(4):
        case 0:
            return data[:cut]
        case 1:
            return data[:cut] + other[random.randint(0, len(other)) :]
        case 2 if reader.words:
            return data[:cut] + random.choice(reader.words).encode() + data[cut:]
        case _:
            return data[:cut] + bytes([random.randrange(256)]) + data[cut + 1 :]
