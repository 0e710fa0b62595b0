"""Resume tokens: opaque text of (epoch, {subscription: seq}). They grant nothing: entitlement is checked again."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TOKEN_BYTES = 16 * 1024


class Resume(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """Where each subscription stood, in which epoch of sequence numbers."""

    epoch: str
    seq: dict[str, int]

    def within(self, *, epoch: str, former: Mapping[str, int]) -> Resume:
        """Return the token as one of `epoch` when its numbers mean the same there, else as it is.

        `former` says up to which number those of former epochs do.
        """
        same_upto = former.get(self.epoch, -1)
        return self if any(seq > same_upto for seq in self.seq.values()) else Resume(epoch=epoch, seq=self.seq)


NOTHING = Resume(epoch="", seq={})
UNREADABLE = Resume(epoch="unreadable", seq={})
"""What a token says that cannot be read: its bearer had something, nobody knows what."""
_decoder = msgspec.json.Decoder(Resume)


def write(resume: Resume) -> str:
    """Return the token."""
    return base64.urlsafe_b64encode(msgspec.json.encode(resume)).decode().rstrip("=")


def read(token: str) -> Resume:
    """Return what the token says; one that cannot be read is UNREADABLE: its bearer gets a snapshot and a gap."""
    if len(token) > MAX_TOKEN_BYTES:
        return UNREADABLE
    try:
        return _decoder.decode(base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4)))
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError):
        return UNREADABLE
