"""Fuzzes one reader: python -m tests.fuzz.one html 60 FOLDER; what it finds lies in FOLDER/found, and it goes on."""

from __future__ import annotations

import faulthandler
import hashlib
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from random import Random

import atheris

from tests.fuzz.mutations import bent
from tests.fuzz.reader import Reader

# What is watched; everything else is imported as it is, which is quicker by far.
WATCHED = {
    *("federation.claims", "federation.signatures", "federation.rfc9421", "federation.documents", "federation.keys"),
    *("federation.activities", "federation.inbox", "federation.objects", "federation.actors", "federation.addresses"),
    *("federation.collections", "federation.discovery", "federation.alternates", "federation.backlinks"),
    *("federation.answers", "node.forum.html", "node.forum.markup", "node.forum.markdown", "node.forum.text"),
    *("node.forum.wire", "node.forum.block_lists", "node.forum.host_names", "node.fediverse.said", "node.languages"),
    *("node.backups.archive", "node.backups.age"),
}
MOST_FOUND = 20  # different faults of one reader; more are told by these
ROOT = str(Path(__file__).resolve().parents[2])


class Run:
    """One reader under fire: what was tried, and what was wrong."""

    def __init__(self, reader: Reader, seconds: float, folder: Path) -> None:
        self.reader = reader
        self.until = time.monotonic() + seconds
        self.folder = folder
        self.tried = 0
        self.slowest = 0.0
        self.faults: dict[str, str] = {}

    def __call__(self, data: bytes) -> None:
        if time.monotonic() > self.until:
            self.end()
        self.tried += 1
        began = time.process_time()
        try:
            self.reader.try_out(data)
        except (Exception, RecursionError) as fault:
            self.note(data, fault)
        self.slowest = max(self.slowest, time.process_time() - began)

    def note(self, data: bytes, fault: BaseException) -> None:
        """Keeps an input for each place in our code, or kind of fault, that something went wrong at."""
        frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if frame.filename.startswith(ROOT)]
        ours = [frame for frame in frames if "site-packages" not in frame.filename]
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
        key = f"{type(fault).__name__} at {place}"
        if key in self.faults or len(self.faults) >= MOST_FOUND:
            return
        self.faults[key] = str(fault)[:200]
        found = self.folder / "found"
        found.mkdir(parents=True, exist_ok=True)
        (found / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)

    def end(self) -> None:
        """Tells what came of it and stops here: the fuzzer would end the process without a word."""
        told = {"tried": self.tried, "slowest": self.slowest, "cpu": time.process_time(), "faults": self.faults}
        (self.folder / "told.json").write_text(json.dumps(told))
        os._exit(0)

    def mutated(self, data: bytes, longest: int, seed: int) -> bytes:
        """A changed input: of documents four in five as documents."""
        random = Random(seed)
        if random.random() < 0.8 and (made := bent(data, longest, random)) is not None:
            return made
        changed: bytes = atheris.Mutate(data, longest)
        return changed


def watched(name: str) -> Reader:
    """The reader, imported so that atheris sees which branches an input takes."""
    root = Path(ROOT)
    files = [path for package in ("federation", "node") for path in (root / package).rglob("*.py")]
    modules = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for path in files}
    with atheris.instrument_imports(include=["federation", "node"], exclude=sorted(modules - WATCHED)):
        reader: Reader = importlib.import_module(f"tests.fuzz.{name}").READER
    return reader


def main(name: str, seconds: str, folder: str) -> None:
    run = Run(watched(name), float(seconds), Path(folder))
    corpus = Path(folder) / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    extra = Path(os.environ["FOLKMOOT_FUZZ_SEEDS"]) if os.environ.get("FOLKMOOT_FUZZ_SEEDS") else None
    more = [path.read_bytes() for path in sorted(extra.rglob("*")) if path.is_file()] if extra else []
    for data in [*run.reader.seeds(), *(path.read_bytes() for path in run.reader.found()), *more]:
        if len(data) <= 4 * run.reader.longest:
            (corpus / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
    words = Path(folder) / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in run.reader.words))
    arguments = [sys.argv[0], str(corpus), f"-max_len={run.reader.longest}", "-timeout=60"]
    arguments += [f"-dict={words}"] if run.reader.words else []
    arguments += ["-rss_limit_mb=2000", "-detect_leaks=0", "-print_final_stats=0"]
    mutator = {"custom_mutator": run.mutated} if run.reader.json else {}
    atheris.Setup(arguments, run, **mutator)
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    faulthandler.enable()
    main(*sys.argv[1:])
