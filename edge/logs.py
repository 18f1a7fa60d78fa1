"""Log lines: for machines as JSON, for people as text, each with what its request is called."""

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from edge import tracing
from edge.telemetry import request_id

_PLAIN_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NOISY = ("uvicorn.error", "uvicorn.access", "botocore", "aiobotocore", "PIL", "aiohttp.access")


class _LineFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def when(self, record: logging.LogRecord) -> str:
        """RFC 3339, in UTC."""
        return self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{record.msecs:03.0f}Z"


class JsonLines(_LineFormatter):
    """One JSON object a line: time, level, logger, message, the request's id and trace, and what
    `extra` adds."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(_LineFormatter):
    """The same for people: `time LEVEL logger: message name=value name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        found = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items())
        head = f"{self.when(record)} {record.levelname:<7} {record.name}: "
        line = f"{head}{_one_line(record.getMessage())}{found}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if current := request_id.get():
        found["request_id"] = current
    if ids := tracing.ids():
        found["trace_id"], found["span_id"] = ids
    return found | {name: v for name, v in vars(record).items() if name not in _PLAIN_RECORD}


def _plain(value: Any) -> str:
    """Without a space or a line's end, unless in quotes; `a:1,b:2` for a mapping."""
    if isinstance(value, Mapping):
        return ",".join(f"{_plain(name)}:{_plain(one)}" for name, one in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ",".join(map(_plain, value)) or "-"
    text = str(value)
    quoted = not text or not text.isprintable() or any(letter in text for letter in ' "=')
    return json.dumps(text) if quoted else text


def _one_line(text: str) -> str:
    """Nobody's text begins a line of its own."""
    return text if text.isprintable() else json.dumps(text)[1:-1]


def configure(form: str, level: str) -> None:
    """Send all logs to standard error, as `json` or `text`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel("WARNING")
