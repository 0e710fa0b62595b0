"""What the whole session shares: the real servers, ended when it is over."""

from __future__ import annotations

from servers import needed


def pytest_sessionfinish() -> None:
    """End the servers; a worker of pytest-xdist leaves without the interpreter's own goodbye."""
    needed.end_all()
