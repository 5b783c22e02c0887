"""Other servers, as cheap as can be: `python -m tests.bench.sink PORT HOSTS --silent 10`.

They listen on 127.1.0.1, 127.1.0.2 … and answer each POST with 202 at once; the silent ones take it and never answer.
Whatever is asked at 127.0.0.1 is answered with the number of POSTs taken by the others so far.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def address_of(number: int) -> str:
    """The loopback address of host #number."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


class Count:
    """How many letters came."""

    def __init__(self) -> None:
        self.letters = 0


class Host(asyncio.Protocol):
    """One connection to one host."""

    def __init__(self, count: Count, *, silent: bool) -> None:
        self.count = count
        self.silent = silent
        self.held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.silent:
            return
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self.held, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self.held) < whole:
                return
            self.held = self.held[whole:]
            self.count.letters += 1
            self.transport.write(TAKEN)


class Teller(asyncio.Protocol):
    """Says how many letters came."""

    def __init__(self, count: Count) -> None:
        self.count = count

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(str(self.count.letters).encode())
        transport.close()


async def serve(port: int, hosts: int, silent: int) -> None:
    """Until the process is ended."""
    loop, count = asyncio.get_running_loop(), Count()
    for number in range(hosts):
        quiet = number < silent
        await loop.create_server(lambda quiet=quiet: Host(count, silent=quiet), address_of(number), port)
    await loop.create_server(lambda: Teller(count), "127.0.0.1", port)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("hosts", type=int)
    parser.add_argument("--silent", type=int, default=0)
    given = parser.parse_args()
    sys.exit(asyncio.run(serve(given.port, given.hosts, given.silent)))
