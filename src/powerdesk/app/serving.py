"""`powerdesk up`: one process, one port, one sign-in link; Ctrl-C stops cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import ssl
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING

from anyio import to_thread
from rich.console import Console

from powerdesk.access.operations.signing_in import LINK_VALID
from powerdesk.app import acceptor, desk, engines, gateway, logs, ownership, roles, showing
from powerdesk.app.roles import Part
from powerdesk.app.settings import SettingsError
from powerdesk.delivery.stream import server
from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.app.desk import Desk
    from powerdesk.app.settings import Settings

log = logging.getLogger("powerdesk.app")
BACKLOG = 1024
SWITCH_S = 0.0005
"""A busy thread gives way after this long. With Python's own 5 ms an answer may wait so long each time that it touches
the socket while another thread computes, a bulk read for instance."""
REQUEST_THREADS = 4
GC_OBJECTS = 50_000
LINK_MINUTES = int(LINK_VALID.total_seconds() // 60)


class PortInUseError(problem.Problem):
    """The port cannot be listened on."""

    status = 409
    slug = "port-in-use"
    title = "The port cannot be used"


def up(settings: Settings, *, open_browser: bool, names: frozenset[str] = roles.EVERY) -> None:
    """Serve the roles named until told to stop."""
    ownership.refuse_owned(settings.data)
    tls_context(settings)
    listening = _listen(settings)
    does = roles.parts(names)
    try:
        with desk.opened(settings, owning=lambda: _prepare(settings), does=does) as opened:
            _runner(opened, listening, open_browser=open_browser)
    finally:
        listening.close()
        gc.unfreeze()  # what is never collected is told as a leak by libraries that count their objects when they end


def _prepare(settings: Settings) -> None:
    """Open the log, and make the records of a first start."""
    _log_to(settings)
    engines.make_records_apart(settings)


def _log_to(settings: Settings) -> None:
    logs.configure(level=settings.log_level, folder=settings.data / "logs")


def _runner(opened: Desk, listening: socket.socket, *, open_browser: bool) -> None:
    serving = _serve(opened, listening, open_browser=open_browser)
    if sys.platform == "win32":
        asyncio.run(serving)
        return
    import uvloop  # noqa: PLC0415 - has no Windows build

    uvloop.run(serving)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise PortInUseError(
            found=f"{settings.host}:{settings.port}: {error.strerror}",
            allowed="a free port on an address of this machine",
            remedy="choose another with --port, or stop what listens there (`powerdesk status`, `powerdesk down`)",
        ) from error
    listening.setblocking(False)
    return listening


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return what encrypts the port, None when it speaks http; raise SettingsError when its files cannot be used."""
    given = settings.tls
    if given.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(given.certificate, given.key, password=b"")
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            found=f"tls.certificate {given.certificate}, tls.key {given.key or 'in the same file'}: {error}",
            allowed="PEM files of a certificate and its key, readable and not encrypted",
            remedy="correct the paths, or remove the certificate to speak http",
        ) from error
    return context


async def _serve(opened: Desk, listening: socket.socket, *, open_browser: bool) -> None:
    host, port = listening.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else host  # noqa: S104 - only shown
    scheme = opened.settings.scheme
    url = f"{scheme}://{shown}:{port}"
    loopback = f"{scheme}://127.0.0.1:{port}" if host != "::1" else f"{scheme}://[::1]:{port}"
    stop = asyncio.Event()
    _stop_on_signals(stop)
    opened.on_shutdown(_from_any_thread(stop))
    port_server = await _port_server(opened, listening)
    serving = asyncio.create_task(acceptor.serve(port_server, stop=stop))
    opened.start()
    opened.ownership.announce(url=loopback, certificate=opened.settings.tls.certificate)
    _tune()
    if opened.does != frozenset(Part):
        log.info("serving %s at %s", ", ".join(sorted(opened.does)), url)
        await serving
        return
    link = await asyncio.to_thread(opened.sign_in_link, url)
    _say(opened, url, link)
    if open_browser and sys.stdout.isatty():
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
    if opened.sim is not None and sys.stderr.isatty():
        shown = (opened.sim, opened.workers.stop, Console(stderr=True))
        threading.Thread(target=showing.backfill, args=shown, daemon=True).start()
    await serving
    log.info("stopped")


async def _port_server(opened: Desk, listening: socket.socket) -> acceptor.Acceptor:
    """Return what serves the port: the application, and the stream where this process has that part."""
    hub = None
    if Part.STREAM in opened.does:
        hub = opened.stream_hub()
        await hub.start()
    return acceptor.Acceptor(
        sockets=[listening],
        asgi_app=gateway.create(opened, hub=hub),
        stream_factory=None if hub is None else server.protocol_factory(hub, secure=opened.settings.secure),
        stop_stream=None if hub is None else hub.stop,
        trusted_proxies=opened.settings.trusted_proxies,
        tls=tls_context(opened.settings),
        limits=acceptor.AcceptorLimits(connections_of_address=opened.settings.connections_of_address),
    )


def _tune() -> None:
    """Keep answers even beside busy threads: short turns, few request threads, no sweeps over start-up's objects."""
    sys.setswitchinterval(SWITCH_S)
    to_thread.current_default_thread_limiter().total_tokens = REQUEST_THREADS
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 100)


def _say(opened: Desk, url: str, link: str) -> None:
    lines = (
        f"Powerdesk is up at {url}   data in {opened.settings.data}",
        f"Sign in (once, within {LINK_MINUTES} minutes): {link}",
        "Another link: powerdesk sign-in-link.   Stop: Ctrl-C.",
    )
    sys.stdout.write("\n" + "\n".join(lines) + "\n\n")
    sys.stdout.flush()


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM"):
        number = getattr(signal, name)
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
            continue
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _from_any_thread(stop: asyncio.Event) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def tell() -> None:
        loop.call_soon_threadsafe(stop.set)

    return tell
