"""What the whole session shares: the real servers, ended when it is over, and how properties are tried."""

from __future__ import annotations

from hypothesis import settings

from servers import needed

settings.register_profile("desk", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("desk")


def pytest_sessionfinish() -> None:
    """End the servers; a worker of pytest-xdist leaves without the interpreter's own goodbye."""
    needed.end_all()
