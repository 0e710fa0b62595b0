"""Logs: one JSON line an event, secrets masked before anything is written."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback

SECRETS = re.compile(
    r"""(pd_live_[0-9A-Za-z]{4})[0-9A-Za-z_]+
    |((?:sign-in|downloads)/)[^\s"'?<>]+
    |(bearer\s+)[^\s"',;]+
    |((?:pd_session|token|password|secret|pepper|csrf)["']?\s*[=:]\s*)
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


def configure(*, level: str) -> None:
    """Send all logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = JsonLines()
    formatter.converter = __import__("time").gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
