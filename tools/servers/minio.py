"""MinIO, an S3 server of one disk, built by Go from its source."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from servers import base, debian

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
USER = "powerdesk"
ANSWER_S = 2.0


class Minio(base.Server):
    """One MinIO with a generated password; `make_bucket` gives each test its own bucket."""

    name = "minio"

    @classmethod
    def missing(cls) -> str | None:
        """Return what is lacking: the program or the client library."""
        if program() is None:
            return f"minio (go install {SOURCE})"
        if importlib.util.find_spec("obstore") is None:
            return "the client: python tools/setup.py"
        return None

    @classmethod
    def install(cls) -> None:
        """Build the program with Go, which apt brings where it lacks; some minutes the first time."""
        if program() is not None:
            return
        if shutil.which("go") is None:
            debian.install_package("golang-go")
        subprocess.run([shutil.which("go") or "go", "install", SOURCE], check=True)

    @property
    def url(self) -> str:
        """Return the address of the server; `bucket_url` is what settings take."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def access_key(self) -> str:
        """Return the name to sign in with."""
        return USER

    @property
    def secret_key(self) -> str:
        """Return the generated password."""
        return (self.folder / "password").read_text(encoding="ascii")

    def bucket_url(self, bucket: str) -> str:
        """Return the address of a bucket as the settings take it."""
        return f"s3://{bucket}?endpoint={self.url}&region=us-east-1"

    def make_bucket(self, bucket: str) -> str:
        """Make an empty bucket; return its address. A folder of the disk is one to MinIO."""
        (self.folder / "disk" / bucket).mkdir(parents=True, exist_ok=True)
        return self.bucket_url(bucket)

    def prepare(self) -> None:
        """Generate the password; once."""
        secret = self.folder / "password"
        if not secret.exists():
            secret.write_text(secrets.token_urlsafe(24), encoding="ascii")
            secret.chmod(0o600)

    def command(self) -> Sequence[str]:
        """Return the command line."""
        console = base.free_port()
        addresses = ["--address", f"127.0.0.1:{self.port}", "--console-address", f"127.0.0.1:{console}"]
        return [str(program()), "server", str(self.folder / "disk"), *addresses, "--quiet"]

    def environment(self) -> Mapping[str, str]:
        """Return the credentials and what keeps the server from asking the network for updates."""
        return {
            **os.environ,
            "MINIO_ROOT_USER": self.access_key,
            "MINIO_ROOT_PASSWORD": self.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }

    def healthy(self) -> bool:
        """Ask whether it is ready to serve."""
        with urllib.request.urlopen(f"{self.url}/minio/health/ready", timeout=ANSWER_S) as answer:  # noqa: S310 - http to loopback
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK


def program() -> Path | None:
    """Return the built program: on PATH, or where Go puts what it installs."""
    on_path = shutil.which("minio")
    if on_path is not None:
        return Path(on_path)
    folder = Path(os.environ.get("GOBIN") or Path(os.environ.get("GOPATH") or Path.home() / "go") / "bin")
    built = folder / "minio"
    return built if built.is_file() else None
