"""Messages that access publishes."""

from __future__ import annotations

import msgspec

CHANGED_TOPIC = "access.changed"


class ChangedV1(msgspec.Struct, frozen=True, tag="access.changed.v1"):
    """An account, credential, role or entitlement changed: principals compiled before `version` are out of date."""

    version: int
