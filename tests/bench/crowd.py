"""Two thousand servers behind one port: `python -m tests.bench.crowd PORT`. Whose letter it is says its Host header.

Each takes what it gets with 202 and keeps its order. Whatever is asked by GET is answered with what came so far, as
JSON: how many letters, and for each inbox the ids of its activities as they came (`?all`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
HOST = re.compile(rb"\r\nhost: ([^\r]+)", re.IGNORECASE)
TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
NONE_YET = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def name_of(number: int) -> str:
    """The name of host #number."""
    return f"far{number}.test"


def inbox_of(number: int, hosts: int) -> str:
    """The inbox of follower #number; the followers are spread over the hosts."""
    return f"http://{name_of(number % hosts)}/users/u{number}/inbox"


class Crowd:
    """What came, by inbox."""

    def __init__(self) -> None:
        self.letters = 0
        self.came: dict[str, list[str]] = {}

    def take(self, inbox: str, body: bytes) -> None:
        self.letters += 1
        self.came.setdefault(inbox, []).append(json.loads(body)["id"])

    def tell(self, whole: bool) -> bytes:
        said = {"letters": self.letters, "came": self.came if whole else {}}
        body = json.dumps(said).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return head.encode() + body


class Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            found, host = LENGTH.search(self.held, 0, end), HOST.search(self.held, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self.held) < whole or host is None:
                return
            method, path, _ = self.held.split(b" ", 2)
            body, self.held = self.held[end + 4 : whole], self.held[whole:]
            if method == b"POST":
                self.crowd.take(f"http://{host[1].decode()}{path.decode()}", body)
                self.transport.write(TAKEN)
            elif host[1] == b"sink":
                self.transport.write(self.crowd.tell(path == b"/?all"))
            else:
                self.transport.write(NONE_YET)  # somebody asks what it runs


async def asked(port: int, *, whole: bool = False) -> tuple[int, dict[str, list[str]]]:
    """How many letters came, and, of the whole, their ids by inbox."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET %s HTTP/1.1\r\nHost: sink\r\n\r\n" % (b"/?all" if whole else b"/"))
    head = await reader.readuntil(b"\r\n\r\n")
    found = LENGTH.search(head)
    assert found is not None
    said = json.loads(await reader.readexactly(int(found[1])))
    writer.close()
    return said["letters"], said["came"]


async def serve(port: int) -> None:
    """Until the process is ended."""
    crowd = Crowd()
    await asyncio.get_running_loop().create_server(lambda: Peer(crowd), "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    sys.exit(asyncio.run(serve(parser.parse_args().port)))
