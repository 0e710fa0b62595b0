"""Logs: one JSON line an event, secrets masked before anything is written."""

from __future__ import annotations

import json
import logging
import logging.handlers
import re
import sys
import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOG_NAME = "powerdesk.log"
LOG_BYTES = 5 * 2**20
LOG_FILES = 3

SECRETS = re.compile(
    r"""(pd_live_[0-9A-Za-z]{4})[0-9A-Za-z_]+
    |((?:sign-in|downloads)/)[^\s"'?<>]+
    |(bearer\s+)[^\s"',;]+
    |(://[^\s:/@"']*:)[^\s@/"']+(?=@)
    |((?:pd_session|token|password|secret|secret_access_key|pepper|csrf)["']?\s*[=:]\s*)
     (?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|[^\s"';,&})\]]+)""",
    re.IGNORECASE | re.VERBOSE,
)


def masked(text: str) -> str:
    """Return the text with keys, links, cookies and passwords cut to what identifies them."""
    return SECRETS.sub(lambda found: found[found.lastindex or 0] + "***", text)


class JsonLines(logging.Formatter):
    """A line: instant, level, logger, message, and the exception when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one JSON line."""
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = masked("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(line, ensure_ascii=False)


class PlainLines(logging.Formatter):
    """A line for a person at a terminal: level and message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one plain line; the log file has the rest."""
        return f"{record.levelname.lower()}: {masked(record.getMessage())}"


def configure(*, level: str, folder: Path) -> None:
    """Write all logs as JSON lines to a rotating file of the data folder.

    A terminal shows warnings only, in plain words; anything else on standard error gets the JSON lines too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = logging.handlers.RotatingFileHandler(
        folder / LOG_NAME, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    lines = JsonLines()
    lines.converter = time.gmtime
    file.setFormatter(lines)
    shown = logging.StreamHandler(sys.stderr)
    if sys.stderr.isatty():
        shown.setLevel(logging.WARNING)
        shown.setFormatter(PlainLines())
    else:
        shown.setFormatter(lines)
    logging.basicConfig(level=level.upper(), handlers=[file, shown], force=True)
    for noisy in ("httpx", "httpcore", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
