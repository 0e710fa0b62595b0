"""Follow the log of the running desk: `python tools/logs.py [DATA]`; Ctrl-C ends it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

PAUSE_S = 0.5
TAIL_BYTES = 16_384


def newest_log(data: Path) -> Path | None:
    """Return the log file written last below DATA/logs; None when there is none."""
    return max(data.glob("logs/*.log*"), key=lambda path: path.stat().st_mtime, default=None)


def follow(path: Path) -> None:
    """Print the end of `path`, then what is added to it, until interrupted."""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - TAIL_BYTES))
        waiting = threading.Event()
        while True:
            sys.stdout.write(log.read().decode(errors="replace"))
            sys.stdout.flush()
            waiting.wait(PAUSE_S)


def main() -> int:
    """Follow the newest log; 3 when nothing is found."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("POWERDESK_DATA", "powerdesk-data"))
    path = newest_log(data)
    if path is None:
        print(f"no log below {data / 'logs'}: start the desk with `make up`, or name its data folder", file=sys.stderr)
        return 3
    try:
        follow(path)
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
