"""Logs as lines of JSON on stderr, and the ids that tie a line to a request."""

import itertools
import logging
import re
import secrets
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

_SANE = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_start = secrets.token_hex(6)
_count = itertools.count(1)


def request_id(given: bytes | None) -> bytes:
    """Return the id a client gave, if it is fit for a header and a log, else a new one."""
    if given is not None and _SANE.fullmatch(given):
        return given
    return b"%s-%d" % (_start.encode(), next(_count))


class Log:
    """Lines of JSON; those of requests are gathered and written a few times a second."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stderr.buffer
        self._lines: list[bytes] = []
        self.later: Callable[[Callable[[], None]], object] | None = None
        """Calls a function a little later; without it every line is written at once."""

    def gather(self, fields: dict[str, Any]) -> None:
        """Add a line that may wait."""
        self._add(fields)
        if self.later is None:
            self.flush()
        elif len(self._lines) == 1:
            self.later(self.flush)

    def write(self, fields: dict[str, Any]) -> None:
        """Write a line, and those that waited, now."""
        self._add(fields)
        self.flush()

    def flush(self) -> None:
        """Write what waited. A stream that is gone is no reason to stop serving."""
        lines, self._lines = self._lines, []
        try:
            self._stream.write(b"".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            pass

    def _add(self, fields: dict[str, Any]) -> None:
        line = {"time": datetime.now(UTC), **fields}
        self._lines.append(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))


class Bridge(logging.Handler):
    """Hands what libraries log over to a Log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line."""
        fields = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1]:
            fields["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        self._log.write(fields)


def install(log: Log) -> None:
    """Send everything that is logged in this process to `log`, from INFO on."""
    logging.basicConfig(level=logging.INFO, handlers=[Bridge(log)], force=True)
