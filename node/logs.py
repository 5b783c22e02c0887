"""The log: one line for each thing that happened, as text or JSON, with the request it belongs to and no bodies."""

import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

import orjson
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

ACCESS = logging.getLogger("node.access")

# A name, a path or an error that other people chose must not start a line of its own or steer a terminal.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# What the database driver adds to its errors: the values of the statement, and so people's words.
VALUES = re.compile(r"\[(?:parameters|SQL): .*?(?:\]$|\Z)", re.MULTILINE | re.DOTALL)
# Whoever has the rest of such an address is let in by it: invitations, join links, links of mails.
SECRETS = re.compile(r"(/(?:invitations|join|welcome|reset|link|confirm|email)/|[?&](?:invitation|join)=)[\w-]{20,}")
# Loggers of libraries that say at `info` or `debug` what nobody asked for, bodies among it.
QUIET = ("aiohttp", "alembic", "asyncio", "markdown_it", "sqlalchemy", "httpsig")


class TextLines(logging.Formatter):
    """`2026-11-22T22:15:04.120Z info node.worker: words`; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        request = getattr(record, "request", None)
        line = f"{_moment(record)} {record.levelname.lower()} {record.name}: {CONTROL.sub(_spelled, _words(record))}"
        if request:
            line += f" [request {request}]"
        trace = _trace(self, record)
        return line + "".join(f"\n    {CONTROL.sub(_spelled, traced)}" for traced in trace.splitlines())


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and request and error where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _words(record),
        }
        if request := getattr(record, "request", None):
            said["request"] = request
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
            extra={"request": response.headers.get("X-Request-Id")},
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
    return SECRETS.sub(r"\1[hidden]", VALUES.sub("[hidden]", record.getMessage()))


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    return VALUES.sub("[hidden]", formatter.formatException(record.exc_info))


def _spelled(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
