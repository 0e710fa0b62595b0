"""Objects in a bucket of S3 or of a server that speaks it, by obstore."""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore.exceptions
import obstore.store

from powerdesk.engines import names
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.objects import ObjectMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import ClientConfig, S3Config

    from powerdesk.engines.scaled.objects_address import BucketAddress, BucketUser

PART_BYTES = 8 << 20  # larger blobs go up in parts of this size, and appear when the last one is there
PARTS_AT_ONCE = 4
RETRIES = 4
CONNECT_S_MAX = 5.0
CODE = re.compile(r"<Code>(\w+)</Code>")
REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"})


class S3Objects:
    """Blobs of one bucket, each sent with its SHA-256, which the server proves before it stores the blob.

    Without a user the requests are signed by what the machine or the environment offers obstore.
    """

    def __init__(self, address: BucketAddress, *, user: BucketUser | None = None) -> None:
        self._address = address
        self._store = obstore.store.S3Store(
            address.bucket,
            prefix=address.prefix or None,
            config=_config(address, user),
            client_options=_client(address),
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=address.timeout_s),
                "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1), "base": 2},
            },
        )
        with self._told("opening the bucket"):
            next(iter(self._store.list(chunk_size=1)), None)

    def version(self) -> str:
        """Ask the bucket for anything at all; the protocol names no version of the server."""
        with self._told("asking for the bucket"):
            next(iter(self._store.list(chunk_size=1)), None)
        return f"S3 bucket {self._address.bucket}, by obstore {obstore.__version__}"

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`; the server has proved and kept the bytes when this returns."""
        names.of_object(key)
        with self._told(f"storing object {key}", writing=True):
            self._store.put(key, data, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    def get(self, key: str) -> bytes:
        """Return the blob; raise ObjectMissingError when absent."""
        names.of_object(key)
        with self._told(f"reading object {key}", key=key):
            return bytes(self._store.get(key).bytes())

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield the blob in chunks; it is asked for at once, so that absence is told before the first chunk."""
        names.of_object(key)
        with self._told(f"reading object {key}", key=key):
            chunks = self._store.get(key).stream(min_chunk_size=chunk_bytes)
        return self._chunks(key, chunks)

    def exists(self, key: str) -> bool:
        """Tell whether the blob is there."""
        names.of_object(key)
        try:
            with self._told(f"asking for object {key}", key=key):
                self._store.head(key)
        except ObjectMissingError:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove the blob; no error when absent."""
        names.of_object(key)
        with self._told(f"deleting object {key}", writing=True), contextlib.suppress(FileNotFoundError):
            self._store.delete(key)

    def list(self, prefix: str) -> tuple[str, ...]:
        """Return keys that begin with `prefix`, sorted; one request per thousand."""
        folder, _, _ = prefix.rpartition("/")
        with self._told(f"listing objects under {prefix!r}"):
            found = [item["path"] for page in self._store.list(folder or None) for item in page]
        return tuple(sorted(key for key in found if key.startswith(prefix)))

    def uri(self, key: str) -> str:
        """Return the blob's s3:// address."""
        names.of_object(key)
        return "s3://" + "/".join(filter(None, (self._address.bucket, self._address.prefix, key)))

    def _chunks(self, key: str, chunks: Any) -> Iterator[bytes]:
        with self._told(f"reading object {key}", key=key):
            for chunk in chunks:
                yield bytes(chunk)

    @contextlib.contextmanager
    def _told(self, doing: str, *, key: str = "", writing: bool = False) -> Iterator[None]:
        """Turn what obstore raises into Problems."""
        try:
            yield
        except FileNotFoundError as error:
            if key:
                raise ObjectMissingError(
                    found=f"no object {key}",
                    allowed="a key that was put before",
                    remedy="check the key; a blob may be deleted",
                ) from error
            raise self._unavailable(doing, error, faults.EngineUnavailableError) from error
        except obstore.exceptions.BaseError as error:
            kind = faults.OutcomeUnknownError if writing else faults.EngineUnavailableError
            raise self._unavailable(doing, error, kind) from error

    def _unavailable(
        self, doing: str, error: Exception, kind: type[faults.EngineUnavailableError]
    ) -> faults.EngineUnavailableError:
        code = CODE.search(str(error))
        if code is not None and code[1] in REFUSED:
            return faults.EngineUnavailableError(
                found=f"{doing}: the server answers {code[1]}",
                allowed=f"a user who may read, write, delete and list in bucket {self._address.bucket}",
                remedy="check the access key, its secret and the bucket's policy",
            )
        words = f"the server answers {code[1]}" if code is not None else str(error).splitlines()[0]
        return kind(
            found=f"{doing}: {words}",
            allowed=f"bucket {self._address.bucket} at a server that answers within {self._address.timeout_s:g} s",
            remedy="look at the server and the way to it; repeat it once the server answers, puts and deletes too",
        )


def _config(address: BucketAddress, user: BucketUser | None) -> S3Config:
    """Return obstore's settings of a bucket."""
    config: S3Config = {"region": address.region, "checksum_algorithm": "SHA256"}
    if address.endpoint:
        config["endpoint"] = address.endpoint
    if user is not None:
        config["access_key_id"] = user.access_key
        config["secret_access_key"] = user.secret_key
        if user.session_token:
            config["session_token"] = user.session_token
    return config


def _client(address: BucketAddress) -> ClientConfig:
    """Return obstore's settings of its HTTP client: every wait is bounded, the length of a transfer is not."""
    return {
        "allow_http": address.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=min(CONNECT_S_MAX, address.timeout_s)),
        "read_timeout": timedelta(seconds=address.timeout_s),
        "timeout": timedelta(hours=1),
    }
