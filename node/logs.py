"""The log: one line for each thing that happened, as text or JSON, with the request it belongs to and no bodies."""

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO

import orjson
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

ACCESS = logging.getLogger("node.access")

# What a line may belong to: who reads the log finds all lines of one request, letter, delivery or host by it.
FIELDS = ("request_id", "letter", "delivery", "host")
_ABOUT: ContextVar[Mapping[str, object]] = ContextVar("about", default=MappingProxyType({}))

# A name, a path or an error that other people chose must not start a line of its own or steer a terminal.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# What the database driver adds to its errors: the values of the statement, and so people's words.
VALUES = re.compile(r"\[(?:parameters|SQL): .*?(?:\]$|\Z)", re.MULTILINE | re.DOTALL)
# Whoever has the rest of such an address is let in by it: invitations, join links, links of mails.
SECRETS = re.compile(r"(/(?:invitations|join|welcome|reset|link|confirm|email)/|[?&](?:invitation|join)=)[\w-]{20,}")
# Loggers of libraries that say at `info` or `debug` what nobody asked for, bodies among it.
QUIET = ("aiohttp", "alembic", "asyncio", "markdown_it", "sqlalchemy", "httpsig")


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Every line that is written in the block says that it belongs to these, each one of FIELDS."""
    token = _ABOUT.set({**_ABOUT.get(), **fields})
    try:
        yield
    finally:
        _ABOUT.reset(token)


class TextLines(logging.Formatter):
    """`2026-11-22T22:15:04.120Z info node.worker: words`; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_moment(record)} {record.levelname.lower()} {record.name}: {CONTROL.sub(_spelled, _words(record))}"
        belongs = ", ".join(f"{name.removesuffix('_id')} {value}" for name, value in _fields(record).items())
        if belongs:
            line += f" [{CONTROL.sub(_spelled, belongs)}]"
        trace = _trace(self, record)
        return line + "".join(f"\n    {CONTROL.sub(_spelled, traced)}" for traced in trace.splitlines())


class JsonLines(logging.Formatter):
    """One JSON object a line: ts, level, logger, msg; and of FIELDS, access and error what there is."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "ts": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": _words(record),
            **_fields(record),
        }
        if access := getattr(record, "access", None):
            said["access"] = access
        if trace := _trace(self, record):
            said["error"] = trace
        return orjson.dumps(said, default=str).decode()


class AccessLog(AbstractAccessLogger):
    """One line a request at `debug`: method, path without its query, status, size, time, and the request's id."""

    @property
    def enabled(self) -> bool:
        return ACCESS.isEnabledFor(logging.DEBUG)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        ACCESS.debug(
            "%s %s %d, %d bytes, %.0f ms",
            request.method,
            request.rel_url.raw_path,
            response.status,
            response.body_length,
            time * 1000,
            extra={
                "request_id": response.headers.get("X-Request-Id"),
                "access": {
                    "method": request.method,
                    "path": _hidden(request.rel_url.raw_path),
                    "status": response.status,
                    "bytes": response.body_length,
                    "ms": round(time * 1000, 1),
                },
            },
        )


def set_up(level: str, form: str, *, to: TextIO | None = None) -> None:
    """Sends the log to standard error, or to `to`, from that level on; called once, by the command line."""
    handler = logging.StreamHandler(to or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _words(record: logging.LogRecord) -> str:
    return _hidden(record.getMessage())


def _hidden(words: str) -> str:
    """The words without what would let a reader of the log in, and without the values of statements."""
    return SECRETS.sub(r"\1[hidden]", VALUES.sub("[hidden]", words))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What the line belongs to: as it says itself, or as the block does in which it was written."""
    around = _ABOUT.get()
    found = {name: getattr(record, name, None) or around.get(name) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not None}


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    return _hidden(formatter.formatException(record.exc_info))


def _spelled(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
