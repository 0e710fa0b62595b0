"""What the whole session shares: the real servers, ended when it is over, and how properties are tried."""

from __future__ import annotations

import os

from hypothesis import settings

from servers import needed

# No deadline, for a busy machine is no fault of the code. Where every server is required a run can be had again, by the
# same examples; elsewhere each run tries others.
ALWAYS_THE_SAME = os.environ.get(needed.REQUIRED) == "1"  # noqa: TID251 - CI says so there
READABLE = 48
settings.register_profile("desk", deadline=None, derandomize=ALWAYS_THE_SAME)
settings.load_profile("desk")


def pytest_make_parametrize_id(config: object, val: object, argname: str) -> str | None:
    """Name long bytes by their length: an archive holds the second it was made in, and workers must agree on names."""
    del config
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) and len(val) > READABLE else None


def pytest_sessionfinish() -> None:
    """End the servers; a worker of pytest-xdist leaves without the interpreter's own goodbye."""
    needed.end_all()
