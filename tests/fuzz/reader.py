"""What a reader of foreign bytes is to the fuzzer: how it is called, what it may raise, and what it starts from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOUND = Path(__file__).parent / "found"


class Slow(AssertionError):
    """A reader needed more time for an input than anything of that length may cost."""


@dataclass(frozen=True)
class Reader:
    """One reader: `read` raises nothing for any bytes, unless something is wrong with the reader."""

    name: str
    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    words: tuple[str, ...] = ()  # what an input is likely to hold
    json: bool = False  # inputs are changed as documents too, not only as bytes
    longest: int = 4096  # bytes
    seconds: float = 0.5  # of processor time for one input; instrumented code is several times slower than the bare one

    def try_out(self, data: bytes) -> None:
        """Reads an input; raises what is wrong with that. What is slow is tried once more before it counts."""
        for last in (False, True):
            began = time.process_time()
            self.read(data)
            took = time.process_time() - began
            if took < self.seconds:
                return
            if last:
                raise Slow(f"{took:.2f} s for {len(data)} bytes")

    def found(self) -> list[Path]:
        """The inputs that showed something wrong once, kept so that it does not come back."""
        return sorted(path for path in (FOUND / self.name).glob("*") if path.is_file())
