"""Names of servers as people and lists write them, brought to the one spelling that addresses have."""

import ipaddress
import re

import idna

from node.forum.errors import Invalid

LONGEST = 253
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
LOOKALIKE_DOTS = re.compile("[\u2024\u3002\uff0e\uff61]")  # idna would split a name at three of them


def host_name(given: str) -> str:
    """`Evil.Test.`, `https://evil.test/about` and `evil.test:443` are evil.test; Invalid for what is no host's name."""
    name = given.strip()
    name = re.sub(r"^https?://", "", name, flags=re.IGNORECASE).split("/")[0]
    if name.startswith("@") and name.count("@") == 1:
        name = name[1:]
    host, port = _parted(name)
    clean = _clean(host)
    if clean is None or (port and not re.fullmatch(r"[1-9][0-9]{0,4}", port)) or int(port or 0) > 65535:
        raise Invalid("That is not the name of a server, such as other.example.", field="host")
    # 443 is what every server has that others can follow; any other port is a server of its own.
    return clean if port in ("", "443", "80") else f"{clean}:{port}"


def _parted(name: str) -> tuple[str, str]:
    if name.endswith("]") or ":" not in name:
        return name, ""
    host, _, port = name.rpartition(":")
    return host, port or "none"


def _clean(name: str) -> str | None:
    if name.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(name[1:-1])}]" if name.endswith("]") else None
        except ValueError:
            return None
    if not name.isascii():
        if LOOKALIKE_DOTS.search(name):
            return None
        try:
            name = idna.encode(name.lower().removesuffix(".")).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    name = name.lower().removesuffix(".")
    if len(name) > LONGEST or not all(LABEL.fullmatch(label) for label in name.split(".")):
        return None
    return name
