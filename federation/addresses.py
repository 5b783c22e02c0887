"""URLs and the hosts in them: one reading for whatever is compared, stored and fetched."""

import ipaddress
import re
from functools import lru_cache
from urllib.parse import quote

import idna

from federation.errors import Malformed, Refused

LONGEST = 2048  # longer than any id met on the fediverse; bounds every column and comparison

_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.IGNORECASE | re.ASCII)
# Parsers disagree about these: a browser reads a backslash as a slash, urlsplit and yarl delete tabs inside the host.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_KEPT = "/?#[]@!$&'()*+,;=:~%"  # what stays as written in path, query and fragment; the rest is percent-encoded
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # inet_aton reads 127.1, 017700000001 and 0x7f.0.0.1 as addresses
_LOOKALIKE_DOTS = re.compile("[\u2024\u3002\uff0e\uff61]")  # idna itself would split the host at three of them
_DEFAULT_PORT = {"http": 80, "https": 443}

# Names that never lead to a public server (RFC 6761, RFC 6762, RFC 7686, RFC 8375, and what home routers and
# container hosts answer for). `.test` and `.example` do not resolve publicly either, and need no rule.
_PRIVATE_SUFFIXES = frozenset({"localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp"})
_PRIVATE_SUFFIXES |= frozenset({"onion", "i2p", "alt", "svc", "arpa", "invalid"})

# The special-purpose registries of IANA. `ipaddress.is_global` is no substitute: it calls 224.0.0.1, ::127.0.0.1,
# 64:ff9b::7f00:1 and 2002:7f00:1:: global.
_SPECIAL_V4 = tuple(
    ipaddress.IPv4Network(prefix)
    for prefix in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")  # leaves out mapped, NAT64, unique local, link local and multicast
_SPECIAL_V6 = tuple(
    ipaddress.IPv6Network(prefix)
    for prefix in (
        "2001::/23",  # Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address of anyone's choice
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)


def canonical(url: str, *, development: bool = False) -> str:
    """The one spelling under which a URL is compared, stored and fetched; whatever could be read in two ways raises.

    Scheme and host are lower-cased, an international host becomes punycode, a default port is dropped; path, query
    and fragment stay byte for byte. Hosts of one label, such as `localhost`, pass only in development.
    """
    scheme, host, port, rest = _parts(url)
    if not development and "." not in host and ":" not in host:
        raise Malformed("the host of a URL has no domain")
    return f"{scheme}://{_with_port(scheme, host, port)}{rest}"


def origin(url: str) -> str:
    """`https://host[:port]`: who answers for a URL; http and https are two origins."""
    scheme, host, port, _ = _parts(url)
    return f"{scheme}://{_with_port(scheme, host, port)}"


def authority(url: str) -> str:
    """`host[:port]`, without a default port: the name a server has everywhere here."""
    scheme, host, port, _ = _parts(url)
    return _with_port(scheme, host, port)


def same_origin(one: str, other: str) -> bool:
    """Whether the same server answers for both; never true of something that is not a URL."""
    try:
        return origin(one) == origin(other)
    except Malformed:
        return False


def without_fragment(url: str) -> str:
    """The document that a key or another part of it is found in."""
    return url.partition("#")[0]


def registrable_domain(host: str) -> str:
    """What limits are counted by, so that a thousand subdomains are one sender: the last two labels, or the address."""
    name = _without_port(host)
    if ":" in name or _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name
    return ".".join(name.split(".")[-2:])


def within(host: str, domain: str) -> bool:
    """Whether a block of `domain` meets `host`: the domain itself and all below it, on any port."""
    name, above = _without_port(host), _without_port(domain)
    return name == above or name.endswith("." + above)


def require_public(url: str) -> None:
    """Refuse, before any name is looked up, what no public server can be reached at."""
    scheme, host, port, _ = _parts(url)
    if scheme != "https":
        raise Refused("only https is fetched")
    if port not in (80, 443):
        raise Refused("only ports 443 and 80 are fetched")
    last = host.rpartition(".")[2]
    if ":" in host or _NUMBER.fullmatch(last):
        if not is_public_address(host):
            raise Refused("not a public address")
    elif "." not in host or last in _PRIVATE_SUFFIXES:
        raise Refused("not a public host")


def is_public_address(ip: str) -> bool:
    """Whether an IP address belongs to the public internet, by our own table of prefixes."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if address.scope_id is not None or address not in _GLOBAL_V6:
        return False
    return not any(address in network for network in _SPECIAL_V6)


def _parts(url: str) -> tuple[str, str, int, str]:
    if not isinstance(url, str) or len(url) > LONGEST:
        raise Malformed("not a URL, or too long")
    return _read(url)


# Each letter names the same few addresses a dozen times, and a busy server's come again and again.
@lru_cache(maxsize=2048)
def _read(url: str) -> tuple[str, str, int, str]:
    if _FORBIDDEN.search(url):
        raise Malformed("a URL holds a space, a control character or a backslash")
    match = _URL.fullmatch(url)
    if match is None:
        raise Malformed("not an http or https URL")
    scheme, (host, port) = match[1].lower(), _host_and_port(match[2])
    path, query, fragment = match[3] or "/", match[4] or "", match[5] or ""
    if query == "?" or fragment == "#":
        raise Malformed("a URL ends in an empty query or fragment")  # HTTP clients drop them on the way
    if _BAD_ESCAPE.search(path + query + fragment) or _DOT_SEGMENT.search(path):
        raise Malformed("the path of a URL is ambiguous")
    try:
        rest = quote(path + query + fragment, safe=_KEPT)
    except UnicodeEncodeError:
        raise Malformed("a URL holds half a character") from None
    if len(rest) > LONGEST:
        raise Malformed("a URL is too long")
    return scheme, host, port or _DEFAULT_PORT[scheme], rest


def _host_and_port(netloc: str) -> tuple[str, int | None]:
    if "@" in netloc or "%" in netloc:
        raise Malformed("a URL holds userinfo or an escaped host")
    host, colon, digits = netloc.rpartition(":") if not netloc.endswith("]") else (netloc, "", "")
    if not colon:
        return _host(netloc), None
    if not re.fullmatch(r"[1-9][0-9]{0,4}", digits) or int(digits) > 65535:
        raise Malformed("the port of a URL is not a number as ports are written")
    return _host(host), int(digits)


def _host(host: str) -> str:
    if host.startswith("["):
        return _ipv6(host)
    name = host.lower() if host.isascii() else _punycode(host)
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Malformed("the host of a URL is not a host name")
    for label in labels:
        if label.startswith("xn--"):
            _check_punycode(label)
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(name)
    return name


def _ipv4(name: str) -> str:
    try:
        return str(ipaddress.IPv4Address(name))  # four plain decimal numbers and nothing else
    except ValueError:
        raise Malformed("an address is written in an ambiguous way") from None


def _ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host[1:-1]) if host.endswith("]") else None
    except ValueError:
        address = None
    # A mapped address is an IPv4 host under a second name.
    if address is None or address.scope_id is not None or address.ipv4_mapped is not None:
        raise Malformed("not an IPv6 address")
    return str(address)


def _punycode(name: str) -> str:
    # IDNA 2008 without UTS 46: its mapping would turn circled and fullwidth digits into 127.0.0.1.
    if _LOOKALIKE_DOTS.search(name):
        raise Malformed("the host of a URL is not a host name")
    lowered = "".join(letter.lower() if letter.isascii() else letter for letter in name)
    try:
        return idna.encode(lowered).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise Malformed("the host of a URL is not a host name") from None


def _check_punycode(label: str) -> None:
    # Emoji domains exist, so only the encoding is checked, not the letters; such a host is shown as it is written here.
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        again = decoded.encode("punycode").decode("ascii")
    except (UnicodeError, OverflowError, ValueError):
        raise Malformed("the host of a URL is not a host name") from None
    if decoded.isascii() or again != label[4:]:
        raise Malformed("the host of a URL is not a host name")


def _with_port(scheme: str, host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == _DEFAULT_PORT[scheme] else f"{name}:{port}"


def _without_port(host: str) -> str:
    name = host.lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    if name.count(":") > 1:
        return name
    return name.partition(":")[0].removesuffix(".")
