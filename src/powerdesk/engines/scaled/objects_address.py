"""Where a bucket is and how to speak to it: `s3://bucket/prefix?endpoint=https://...&region=...`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from powerdesk.engines import names
from powerdesk.engines.ports import faults

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
EXAMPLE = "s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-central-1"
ASKED = frozenset({"endpoint", "region", "timeout_s"})
SECONDS = (0.5, 300.0)


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket and the part of it that is ours; without an endpoint it is Amazon's in that region.

    `timeout_s` bounds each wait for the server, and the time in which a failed request is tried again.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class BucketUser:
    """Who signs the requests; the secrets never show in a text of this object."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def parse(url: str) -> BucketAddress:
    """Return the address that `url` spells; raise UnfitRequestError, which never repeats a password."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise _unfit("a user in the address")
    asked = {name: given[-1] for name, given in parse_qs(parts.query, keep_blank_values=True).items()}
    endpoint = urlsplit(asked.get("endpoint", ""))
    fit = (
        parts.scheme == "s3"
        and BUCKET.fullmatch(parts.netloc)
        and asked.keys() <= ASKED
        and "@" not in endpoint.netloc
        and (endpoint.scheme in {"http", "https"} or "endpoint" not in asked)
    )
    if not fit:
        raise _unfit(f"{parts.scheme}://{parts.netloc}{parts.path} with {sorted(asked)}")
    try:
        timeout_s = float(asked.get("timeout_s", "10"))
    except ValueError as error:
        raise _unfit(f"timeout_s {asked['timeout_s']!r}") from error
    if not SECONDS[0] <= timeout_s <= SECONDS[1]:
        raise _unfit(f"timeout_s {timeout_s:g}, not within {SECONDS[0]:g} to {SECONDS[1]:g}")
    prefix = parts.path.strip("/")
    return BucketAddress(
        bucket=parts.netloc,
        prefix=names.of_object(prefix) if prefix else "",
        endpoint=asked.get("endpoint", ""),
        region=asked.get("region", "us-east-1"),
        timeout_s=timeout_s,
    )


def _unfit(found: str) -> faults.UnfitRequestError:
    return faults.UnfitRequestError(
        found=found, allowed=EXAMPLE, remedy="correct the address; user and password belong into settings"
    )
