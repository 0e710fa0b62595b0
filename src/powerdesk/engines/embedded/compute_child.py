"""A worker process of Compute: it takes calls from its input and gives results to its output until its parent is gone.

A message is eight bytes of length and a pickle: (function, args, kwargs) comes in, (done, result or error) goes out.
What a call prints goes to the error output, so that it is no message.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import traceback
from typing import TYPE_CHECKING

from powerdesk.engines import lean_arrow, lean_imports, lean_memory

if TYPE_CHECKING:
    from typing import IO

LENGTH_BYTES = 8


def main() -> None:
    """Answer calls one by one; never return."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer; it ends its workers
    taken = os.fdopen(os.dup(0), "rb")
    given = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_take, args=(taken, calls), daemon=True).start()
    lean_arrow.lean()
    lean_imports.without_tools()
    trim = lean_memory.Trim()
    while True:
        send(given, _answered(calls.get()))
        trim.after_growth()


def send(stream: IO[bytes], message: bytes) -> None:
    """Write one message; raise OSError when nobody reads."""
    stream.write(len(message).to_bytes(LENGTH_BYTES, "little"))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """Return the next message; raise EOFError when there is none and none will come."""
    head = stream.read(LENGTH_BYTES)
    size = int.from_bytes(head, "little")
    message = stream.read(size) if len(head) == LENGTH_BYTES else b""
    if len(head) < LENGTH_BYTES or len(message) < size:
        raise EOFError
    return message


def _take(taken: IO[bytes], calls: queue.SimpleQueue[bytes]) -> None:
    try:
        while True:
            calls.put(receive(taken))
    finally:
        os._exit(0)  # the parent is gone, or needs this no longer: also in the middle of a call


def _answered(call: bytes) -> bytes:
    try:
        function, args, kwargs = pickle.loads(call)  # noqa: S301 - from our parent
        return pickle.dumps((True, function(*args, **kwargs)), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:  # noqa: BLE001 - whatever a call raises is its caller's to handle
        error.add_note(f"in the worker process:\n{traceback.format_exc()}")
        return _failed(error)


def _failed(error: BaseException) -> bytes:
    try:
        message = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(message)  # noqa: S301 - our own: some errors can be written and not be read
    except Exception:  # noqa: BLE001 - any error of an error's own code
        message = pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
    return message


if __name__ == "__main__":
    main()
