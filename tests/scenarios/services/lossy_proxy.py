"""A proxy on loopback that can carry requests to the server and lose the answers."""

from __future__ import annotations

import contextlib
import socket  # noqa: TID251 - a proxy is made of sockets
import socketserver
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 16


class LossyProxy(socketserver.ThreadingTCPServer):
    """Passes bytes on. While `losing` holds bytes, the answer to a request with them is read and the connection cut."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.behind = port
        self.losing = b""
        self.lost = 0

    @property
    def port(self) -> int:
        """Return the port to connect to."""
        port: int = self.server_address[1]
        return port


class _Connection(socketserver.BaseRequestHandler):
    server: LossyProxy

    def handle(self) -> None:
        """Carry bytes both ways until one side ends or an answer is to be lost."""
        with socket.create_connection(("127.0.0.1", self.server.behind)) as server:
            marked = threading.Event()
            answers = threading.Thread(target=self._answers, args=(server, marked), daemon=True)
            answers.start()
            with contextlib.suppress(OSError):
                while data := self.request.recv(CHUNK):
                    if self.server.losing and self.server.losing in data:
                        marked.set()
                    server.sendall(data)
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            answers.join()

    def _answers(self, server: socket.socket, marked: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                if marked.is_set():
                    self.server.lost += 1
                    self.request.shutdown(socket.SHUT_RDWR)
                    return
                self.request.sendall(data)


@contextlib.contextmanager
def proxy(port: int) -> Iterator[LossyProxy]:
    """Run a proxy before a port of loopback."""
    with LossyProxy(port) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()
