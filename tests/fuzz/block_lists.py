"""Block lists: whatever is in one, its hosts are in their one spelling and never we ourselves."""

from __future__ import annotations

import csv
import io

from node.forum import block_lists
from node.forum.errors import Invalid
from node.forum.host_names import host_name
from storage import limits
from tests.fuzz.reader import Reader

ORIGIN = "https://forum.node.test"


def seeds() -> list[bytes]:
    return [
        b"#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\n"
        b'evil.test,suspend,true,true,"Spam, and ""more""",false\nloud.test,silence,false,false,,true\n',
        b"domain,severity\n*.bad.test,suspend\nex*mple.test,suspend\nquiet.test,noop\n",
        "evil.test\n# a remark\nhttps://other.test/about\nbücher.test\n[2001:db8::1]:8080\nnode.test\norg\n".encode(),
        b"instance;severity\nevil.test;suspend\n",
    ]


def read(data: bytes) -> None:
    """A list; raises for a host that nobody could meet, and where it cannot be told again in our own words."""
    try:
        found = block_lists.read_list(data, origin=ORIGIN)
    except Invalid:
        return
    for host, (kind, reason) in found.listed.items():
        assert host_name(host) == host, f"{host!r} is not in its one spelling"
        assert not "forum.node.test".endswith("." + host) and host != "forum.node.test", "we would block ourselves"
        assert kind in (limits.SUSPEND, limits.SILENCE)
        assert len(reason) <= 500 and "\n" not in reason
    if found.listed:
        told = io.StringIO()
        rows = csv.writer(told)
        rows.writerow(["domain", "severity", "public_comment"])
        severities = {limits.SUSPEND: "suspend", limits.SILENCE: "silence"}
        rows.writerows([host, severities[kind], reason] for host, (kind, reason) in found.listed.items())
        assert block_lists.read_list(told.getvalue().encode(), origin=ORIGIN).listed == found.listed


READER = Reader(
    "block_lists",
    read,
    seeds,
    words=("domain", "severity", "public_comment", "suspend", "silence", "noop", "#", "*.", "https://", "xn--", "[::1]",
           "node.test", "forum.", ":443", "\ufeff", '""', "\u3002", "\r\n"),
)  # fmt: skip
