"""A load client in a process of its own: `python -m tests.bench.load PORT FILE --connections 64 --seconds 2`.

FILE holds whole HTTP requests, pickled. Each connection sends its next one when the last was answered. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import pickle
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
EMPTY = (b"204", b"304")


class Load:
    """What all connections share: the requests, the time, and what came back."""

    def __init__(self, requests: Iterator[bytes], warm: float, seconds: float, least: int) -> None:
        self.requests = requests
        self.warm, self.seconds, self.least = warm, seconds, least
        self.began = time.perf_counter()
        self.statuses: Counter[str] = Counter()
        self.waits: list[float] = []
        self.counted_at = 0.0
        self.ended_at = 0.0
        self.bytes = 0
        self.done = asyncio.Event()
        self.left = 0

    def next(self, now: float) -> bytes | None:
        """The next request, until the time is over."""
        if now > self.began + self.warm + self.seconds and len(self.waits) >= self.least:
            return None
        return next(self.requests, None)

    def answered(self, status: bytes, sent: float, now: float) -> None:
        """Counts an answer, once the run is warm."""
        if sent < self.began + self.warm:
            if status >= b"400":
                self.statuses[status.decode()] += 1
            return
        if not self.counted_at:
            self.counted_at = sent
        self.ended_at = now
        self.statuses[status.decode()] += 1
        self.waits.append(now - sent)

    def over(self) -> None:
        """A connection has no more to send."""
        self.left -= 1
        if not self.left:
            self.done.set()


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.sent = 0.0
        self.head = b""
        self.status = b""
        self.missing = 0
        self.finished = False

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished:
            self.load.statuses["closed without an answer"] += 1
            self.load.over()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.load.left += 1
        self.send(time.perf_counter())

    def send(self, now: float) -> None:
        request = self.load.next(now)
        if request is None:
            self.finished = True
            self.transport.close()
            self.load.over()
            return
        self.sent = now
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.load.bytes += len(data)
        if not self.missing:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            self.status = self.head[9:12]
            found = LENGTH.search(self.head, 0, end)
            length = 0 if found is None or self.status in EMPTY else int(found[1])
            self.missing = length - (len(self.head) - end - 4)
            self.head = b""
        else:
            self.missing -= len(data)
        if not self.missing:
            now = time.perf_counter()
            self.load.answered(self.status, self.sent, now)
            self.send(now)


async def run(port: int, load: Load, connections: int) -> None:
    """Keeps so many connections busy until the time is over."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(
        *(loop.create_connection(lambda: Connection(load), "127.0.0.1", port) for _ in range(connections))
    )
    await load.done.wait()


def main() -> int:
    """Prints what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warm", type=float, default=0.5)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for the whole run")
    parser.add_argument("--once", action="store_true", help="send each request once and end")
    given = parser.parse_args()
    requests: list[bytes] = pickle.loads(given.file.read_bytes())
    gc.freeze()
    seconds = 1e9 if given.once else given.seconds
    load = Load(iter(requests) if given.once else cycle(requests), given.warm, seconds, 1)
    asyncio.run(asyncio.wait_for(run(given.port, load, given.connections), given.patience))
    waits = sorted(load.waits)
    said = {
        "rate": len(waits) / (load.ended_at - load.counted_at),
        "p50": waits[len(waits) // 2] * 1000,
        "p99": waits[min(len(waits) - 1, len(waits) * 99 // 100)] * 1000,
        "statuses": dict(load.statuses),
        "bytes": load.bytes,
        "answered": len(waits),
    }
    json.dump(said, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
