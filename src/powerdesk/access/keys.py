"""The text form of API keys and other secrets, and what is kept of them."""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass, field
from typing import ClassVar

from powerdesk.kernel.problem import Problem

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "pd_live"
ID_LENGTH = 8
SECRET_LENGTH = 43  # 62**43 > 2**256: room for 32 random bytes
CRC_LENGTH = 6  # 62**6 > 2**32
SECRET_BYTES = 32
ID_BYTES = 5  # 62**8 > 2**40
_SHAPE = re.compile(
    rf"pd_live_([0-9A-Za-z]{{{ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}})_([0-9A-Za-z]{{{CRC_LENGTH}}})"
)


class BadKeyError(Problem):
    """A text that is no key, or a key with a typing mistake; told without asking the database."""

    status: ClassVar[int] = 401
    slug: ClassVar[str] = "bad-key"
    title: ClassVar[str] = "The API key is mistyped"


@dataclass(frozen=True, slots=True)
class Pepper:
    """The server's own secret, 32 bytes or more, kept outside the database; each purpose has its own derived key."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a secret too short to be one."""
        if len(self.secret) < SECRET_BYTES:
            raise ValueError(
                f"found {len(self.secret)} bytes; allowed: at least {SECRET_BYTES}; make a new pepper file"
            )

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key for one purpose."""
        return hmac.digest(self.secret, purpose.encode(), "sha256")


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key in the form its owner keeps: id, secret, and a checksum against typing mistakes."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """`pd_live_<id>_<secret>_<crc>`."""
        body = f"{PREFIX}_{self.id}_{self.secret}"
        return f"{body}_{base62(zlib.crc32(body.encode()), length=CRC_LENGTH)}"

    def mac(self, pepper: Pepper) -> bytes:
        """Return what the database keeps: HMAC-SHA256 of the whole text under the pepper."""
        return hmac.digest(pepper.derive("api-key"), self.text.encode(), "sha256")

    def proves(self, mac: bytes, pepper: Pepper) -> bool:
        """Tell in constant time whether this is the key whose `mac` was kept."""
        return hmac.compare_digest(self.mac(pepper), mac)


def compose(*, id_bytes: bytes, secret_bytes: bytes) -> KeyText:
    """Return the key made of 5 and 32 random bytes."""
    if (len(id_bytes), len(secret_bytes)) != (ID_BYTES, SECRET_BYTES):
        raise ValueError(f"found {len(id_bytes)} and {len(secret_bytes)} bytes; allowed: {ID_BYTES} and {SECRET_BYTES}")
    return KeyText(
        id=base62(int.from_bytes(id_bytes, "big"), length=ID_LENGTH),
        secret=base62(int.from_bytes(secret_bytes, "big"), length=SECRET_LENGTH),
    )


def parse(text: str) -> KeyText:
    """Read a key; a wrong shape or checksum is a typing mistake. The text itself is never repeated in the error."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise BadKeyError(
            found="a text that is not shaped like a key",
            allowed=f"{PREFIX}_, {ID_LENGTH} characters, _, {SECRET_LENGTH} characters, _, {CRC_LENGTH} characters",
            remedy="copy the whole key again",
        )
    key = KeyText(id=match[1], secret=match[2])
    if not hmac.compare_digest(key.text, text):
        raise BadKeyError(
            found=f"key {key.id} with a checksum that does not fit",
            allowed="the key exactly as it was shown",
            remedy="copy the whole key again; a character has changed",
        )
    return key


def base62(number: int, *, length: int) -> str:
    """Return the non-negative number in base 62, padded to `length`; it must fit."""
    digits = []
    rest = number
    for _ in range(length):
        rest, digit = divmod(rest, len(ALPHABET))
        digits.append(ALPHABET[digit])
    if rest:
        raise ValueError(f"found a number that needs more than {length} base-62 digits; allowed: below 62**{length}")
    return "".join(reversed(digits))


def token_hash(token: str) -> bytes:
    """Return what the database keeps of a session token or one-time code: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


def name_tag(name: str, pepper: Pepper) -> str:
    """Return what failed sign-ins are counted by, not a name as typed: it may be a password in the wrong field."""
    return hmac.digest(pepper.derive("sign-in-name"), name.casefold().encode(), "sha256").hex()[:32]


def csrf_token(session_token: str, pepper: Pepper) -> str:
    """Return the token that unsafe requests of this session must repeat; it says nothing about the session token."""
    return hmac.new(pepper.derive("csrf"), session_token.encode(), "sha256").hexdigest()
