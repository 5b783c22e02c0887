"""Settings, from a TOML file and FOLKMOOT_* variables; nothing else reads the environment."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SECRET_SETTINGS = {"secret", "database_url", "smtp_url", "metrics_token"}  # never printed; a URL may hold a password


SHORTEST_TOKEN = 16  # characters: /metrics stands open to the world


class SettingsError(Exception):
    """A setting is unknown or cannot be used; says which and why."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """The server that takes our mail, and how we speak to it."""

    host: str
    port: int
    encryption: str  # tls: from the first byte; starttls: demanded before anything is said; none
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """How this node is set up; the README lists the settings."""

    origin: str = field(metadata={"says": "public address of the node, e.g. https://moot.example; it can never change"})
    name: str = field(default="Folkmoot", metadata={"says": "name of the node, shown on every page"})
    description: str = field(default="", metadata={"says": "one sentence about the node"})
    contact: str = field(default="", metadata={"says": "e-mail address or page of whoever runs the node"})
    security_contact: str = field(
        default="", metadata={"says": "e-mail address or https page for reports of holes; empty: that of contact"}
    )
    source_url: str = field(
        default="https://folkmoot.example/",
        metadata={"says": "where the source of the running program is offered; if you change it, yours"},
    )
    language: str = field(default="en", metadata={"says": "language of the node's own pages"})
    data: Path = field(default=Path("var"), metadata={"says": "folder for the database, the secret and the media"})
    database_url: str = field(
        default="", repr=False, metadata={"says": "postgresql://… for PostgreSQL; empty: SQLite in the data folder"}
    )
    secret: str = field(
        default="", repr=False, metadata={"says": "seals the private keys; empty: kept in the data folder, mode 0600"}
    )
    listen: str = field(default="127.0.0.1:8080", metadata={"says": "address and port to serve on"})
    trusted_proxies: frozenset[str] = field(
        default=frozenset({"127.0.0.1", "::1"}),
        metadata={"says": "addresses of the proxies before this node, whose X-Forwarded-For is believed"},
    )
    sign_up: str = field(
        default="approval",
        metadata={"says": "who may make an account: open, approval (an admin says yes), invitation or closed"},
    )
    who_may_create_groups: str = field(
        default="members", metadata={"says": "who may make groups: members, or admins of the node alone"}
    )
    federation: str = field(
        default="open",
        metadata={"says": "other servers: open (all but blocked ones) or allow-list (only those that you allowed)"},
    )
    authorised_fetch: bool = field(
        default=False,
        metadata={"says": "show documents only to servers that sign for them, so that blocked ones get none"},
    )
    refused_email_hosts: frozenset[str] = field(
        default=frozenset(),
        metadata={"says": "e-mail hosts that nobody may sign up with, such as those of throw-away addresses"},
    )
    smtp_url: str = field(
        default="",
        repr=False,
        metadata={"says": "server for outgoing mail: smtps://user:password@host, or smtp://… which must do STARTTLS"},
    )
    mail_from: str = field(default="", metadata={"says": "sender of our mail; empty: noreply at the host of origin"})
    development: bool = field(default=False, metadata={"says": "allow http and the loopback peers named in dev_peers"})
    dev_peers: frozenset[str] = field(
        default=frozenset(),
        metadata={"says": "loopback host:port of other servers on this machine, in development mode"},
    )
    failpoint: str = field(
        default="",
        metadata={"says": "in development mode: name:kill, name:raise or name:sleep, where a process fails on purpose"},
    )
    metrics_listen: str = field(
        default="", metadata={"says": "address and port for /metrics, /livez and /readyz in your own network; or empty"}
    )
    metrics_token: str = field(
        default="", repr=False, metadata={"says": "bearer token that opens /metrics on the node's own port; or empty"}
    )
    log_level: str = field(default="info", metadata={"says": "debug, info, warning or error"})
    log_format: str = field(default="text", metadata={"says": "text or json"})

    @property
    def authority(self) -> str:
        """Our host as others name it, with its port where that is not the scheme's own."""
        return urlsplit(self.origin).netloc

    @property
    def scheme(self) -> str:
        return urlsplit(self.origin).scheme

    @property
    def database(self) -> str:
        """The URL for SQLAlchemy."""
        if not self.database_url:
            return f"sqlite:///{(self.data / 'folkmoot.sqlite3').absolute()}"
        for prefix in ("postgresql://", "postgres://"):
            if self.database_url.startswith(prefix):
                return "postgresql+psycopg://" + self.database_url.removeprefix(prefix)
        return self.database_url

    @property
    def smtp(self) -> Smtp | None:
        """The server of smtp_url, if there is one."""
        return _smtp(self.smtp_url, development=self.development) if self.smtp_url else None

    @property
    def listen_host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def listen_port(self) -> int:
        return int(self.listen.rpartition(":")[2])


def load(environment: Mapping[str, str] | None = None, file: Path | None = None, **given: Any) -> Settings:
    """The settings: what is given, before the environment, before the file; unknown ones are errors."""
    environment = os.environ if environment is None else environment
    file = file or (Path(environment["FOLKMOOT_CONFIG"]) if "FOLKMOOT_CONFIG" in environment else None)
    known = {setting.name for setting in fields(Settings)}
    values: dict[str, Any] = {}
    if file is not None:
        values |= _from_file(file, known)
    for name, value in environment.items():
        setting = name.removeprefix("FOLKMOOT_").lower()
        if not name.startswith("FOLKMOOT_") or setting in NOT_SETTINGS:
            continue
        if setting not in known:
            raise SettingsError(f"unknown setting {name}; there are {', '.join(sorted(known))}")
        values[setting] = value
    values |= given
    return _checked(values)


# Variables of tests and packaging that share our prefix.
NOT_SETTINGS = {
    "config", "wire", "node", "require_tools", "attack", "corpus", "chromium", "fault_minutes", "fuzz_minutes",
    "fuzz_seeds", "long", "year", "write", "domain", "upstream",
}  # fmt: skip


def _from_file(file: Path, known: set[str]) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from None
    for name in values:
        if name not in known:
            raise SettingsError(f"unknown setting {name} in {file}; there are {', '.join(sorted(known))}")
    return values


def _checked(values: dict[str, Any]) -> Settings:
    if not values.get("origin"):
        raise SettingsError(
            "origin is not set: the public address of this node, e.g. FOLKMOOT_ORIGIN=https://moot.example"
        )
    values["origin"] = _origin(str(values["origin"]))
    for switch in ("development", "authorised_fetch"):
        if switch in values:
            values[switch] = _switch(switch, values[switch])
    if "data" in values:
        values["data"] = Path(values["data"])
    peers = values.get("dev_peers", ())
    if isinstance(peers, str):
        peers = [peer.strip() for peer in peers.split(",") if peer.strip()]
    for peer in peers:
        host, _, port = peer.rpartition(":")
        if not (host.startswith("127.") or host == "[::1]") or not port.isdigit():
            raise SettingsError(f"dev_peers: {peer!r} is not a loopback host:port such as 127.0.0.1:4101")
    values["dev_peers"] = frozenset(peers)
    if "trusted_proxies" in values:
        values["trusted_proxies"] = _addresses("trusted_proxies", values["trusted_proxies"])
    if "refused_email_hosts" in values:
        values["refused_email_hosts"] = _hosts(values["refused_email_hosts"])
    if str(values.get("sign_up", "approval")) not in ("open", "approval", "invitation", "closed"):
        raise SettingsError("sign_up is open, approval, invitation or closed")
    if str(values.get("who_may_create_groups", "members")) not in ("members", "admins"):
        raise SettingsError("who_may_create_groups is members or admins")
    if str(values.get("federation", "open")) not in ("open", "allow-list"):
        raise SettingsError("federation is open or allow-list")
    if str(values.get("log_format", "text")) not in ("text", "json"):
        raise SettingsError("log_format is text or json")
    if str(values.get("log_level", "info")).lower() not in ("debug", "info", "warning", "error"):
        raise SettingsError("log_level is debug, info, warning or error")
    host, _, port = str(values.get("listen", "127.0.0.1:8080")).rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError("listen is an address and a port, such as 127.0.0.1:8080")
    own_host, _, own_port = str(values.get("metrics_listen", "")).rpartition(":")
    if values.get("metrics_listen") and (not own_host or not own_port.isdigit() or int(own_port) > 65535):
        raise SettingsError("metrics_listen is an address and a port, such as 127.0.0.1:9464")
    if values.get("metrics_token") and len(str(values["metrics_token"])) < SHORTEST_TOKEN:
        raise SettingsError(f"metrics_token has {SHORTEST_TOKEN} characters or more")
    settings = Settings(**values)
    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/\S*)?", str(settings.source_url)):
        raise SettingsError("source_url is an address such as https://code.example/our-folkmoot (AGPL, section 13)")
    if settings.security_contact and not re.fullmatch(
        r"(mailto:)?[^\s@:/]+@[\w.-]+|https://\S+", settings.security_contact
    ):
        raise SettingsError("security_contact is an e-mail address or a page, such as security@moot.example")
    if settings.failpoint and not settings.development:
        raise SettingsError("failpoint needs development = true: it makes the node fail, and loses work on purpose")
    if settings.dev_peers and not settings.development:
        raise SettingsError("dev_peers needs development = true: it opens addresses that are closed otherwise")
    _ = settings.smtp  # raises when it cannot be used
    if settings.mail_from and not re.fullmatch(MAILBOX, settings.mail_from):
        raise SettingsError('mail_from is a sender such as "Mill Lane <noreply@moot.example>"')
    parts = urlsplit(settings.origin)
    if not settings.development:
        if parts.scheme != "https":
            raise SettingsError("origin must be https://… (development = true allows http on this machine)")
        if parts.port is not None:
            raise SettingsError("origin has a port; Mastodon cannot follow actors on another port than 443")
    return settings


def _hosts(given: object) -> frozenset[str]:
    names = given.split(",") if isinstance(given, str) else given
    if not isinstance(names, list | tuple | set | frozenset):
        raise SettingsError("refused_email_hosts are host names, such as throwaway.example")
    return frozenset(str(name).strip().lower().removeprefix("@") for name in names if str(name).strip())


MAILBOX = r"(?P<name>[^<>\x00-\x1f\x7f]*)<(?P<given>[^\s<>@]+@[\w.-]+)>|(?P<bare>[^\s<>@]+@[\w.-]+)"


def _smtp(value: str, *, development: bool) -> Smtp:
    """Reads an smtp_url; what is refused is not repeated, for it may hold a password."""
    wanted = "smtp_url is smtps://user:password@host, or smtp://… for STARTTLS; user and password percent-encoded"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
        user, password = (unquote(part or "", errors="strict") for part in (parts.username, parts.password))
    except ValueError:
        raise SettingsError(wanted) from None
    odd = parts.scheme not in ("smtp", "smtps") or parts.path not in ("", "/") or parts.fragment
    if odd or not host or parts.query not in ("", "starttls=no") or bool(user) != bool(password):
        raise SettingsError(wanted)
    if parts.scheme == "smtps":
        if parts.query:
            raise SettingsError("smtp_url: smtps:// is encrypted from the start, and has no starttls")
        return Smtp(host, port or 465, "tls", user, password)
    if not parts.query:
        return Smtp(host, port or 587, "starttls", user, password)
    if not (development or host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host)):
        raise SettingsError("smtp_url: starttls=no is for a server on this machine; mail is not sent in the clear")
    return Smtp(host, port or 25, "none", user, password)


def _origin(value: str) -> str:
    parts = urlsplit(value.strip().lower())
    try:
        odd = parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None
        port = parts.port
    except ValueError:
        odd, port = True, None
    if odd or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SettingsError("origin is not an address such as https://moot.example")  # it may hold a password
    netloc = parts.netloc
    if port == {"http": 80, "https": 443}[parts.scheme]:
        netloc = netloc.rpartition(":")[0]
    return f"{parts.scheme}://{netloc}"


def _addresses(name: str, given: object) -> frozenset[str]:
    listed = given.split(",") if isinstance(given, str) else list(given) if isinstance(given, (list, frozenset)) else []
    found = {str(address).strip() for address in listed if str(address).strip()}
    for address in found:
        try:
            ip_address(address)
        except ValueError:
            raise SettingsError(f"{name}: {address!r} is not an address such as 127.0.0.1") from None
    return frozenset(found)


def _switch(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if str(value).lower() not in words:
        raise SettingsError(f"{name} is true or false")
    return words[str(value).lower()]
