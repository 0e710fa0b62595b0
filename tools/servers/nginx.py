"""nginx as the one visible port before several processes of a desk."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

from servers import base, debian

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_max_body_size 256m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{port};
{locations}
  }}
}}
"""
LOCATION = """\
    location {prefix} {{
      proxy_pass http://{upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_connect_timeout 2s;
      proxy_read_timeout 3600s;
      proxy_buffering off;
    }}"""


class Nginx(base.Server):
    """Sends each path to one upstream: `routes` maps a prefix (`/`, `/v1/stream`) to `127.0.0.1:PORT`."""

    name = "nginx"

    def __init__(self, folder: Path, *, port: int | None = None, routes: Mapping[str, str]) -> None:
        super().__init__(folder, port=port)
        self.routes = routes

    @classmethod
    def missing(cls) -> str | None:
        """Return what is lacking."""
        return None if _program() else "nginx (Debian's package nginx-light)"

    @classmethod
    def install(cls) -> None:
        """Get the program by apt."""
        if not _program():
            debian.install_package("nginx-light")

    @property
    def url(self) -> str:
        """Return the visible address."""
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Write the configuration."""
        locations = "\n".join(LOCATION.format(prefix=prefix, upstream=to) for prefix, to in self.routes.items())
        text = CONFIGURATION.format(folder=self.folder, port=self.port, locations=locations)
        (self.folder / "nginx.conf").write_text(text, encoding="utf-8")

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [_program() or "nginx", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]

    def healthy(self) -> bool:
        """Ask for any HTTP answer, even that an upstream is away."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"OPTIONS / HTTP/1.0\r\n\r\n")
            return connection.recv(5) == b"HTTP/"


def _program() -> str | None:
    """Return nginx's path; Debian keeps it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
