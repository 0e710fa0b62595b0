"""Real `powerdesk up` processes on free ports, started and ended by the tests."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx  # noqa: TID251 - the tests speak HTTP to the process

from powerdesk.app import ownership
from powerdesk.app.cli.connection import trusted
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = (sys.executable, "-c", "from powerdesk.app.cli.program import main; main()")
LINK = re.compile(r"http://localhost:\d+(/sign-in/\S+)\s")


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without any setting of a desk."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("POWERDESK_")}  # noqa: TID251 - a program of its own needs one
    return {**inherited, **more}


def powerdesk(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end; show what it said when it failed."""
    done = subprocess.run(  # noqa: S603 - our own program
        [*COMMAND, *map(str, arguments)],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(f"{' '.join(map(str, arguments))} left with {done.returncode}: {done.stdout}{done.stderr}\n")
    return done


@dataclass
class Up:
    """A running process, how to reach it, and what it wrote."""

    process: subprocess.Popen[bytes]
    folder: Path
    owner: ownership.Owner
    client: httpx.Client
    """Sends the operator's token."""

    def written(self) -> str:
        """Return everything on standard output, on standard error and in the log files so far."""
        files = (self.folder.parent / "out.txt", self.folder.parent / "err.txt", *(self.folder / "logs").glob("*"))
        return "".join(path.read_text() for path in files)

    def sign_in_path(self) -> str:
        """Return the path of the one-time link, once it is printed."""
        return until(lambda: LINK.search((self.folder.parent / "out.txt").read_text()), what="a link")[1]

    def stop(self, number: int) -> int:
        """Send a signal and return the exit code; show what was written when it is not 0."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        if code:
            sys.stderr.write(self.written()[-5000:])
        return code

    def kill(self) -> None:
        """End the process as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def up(folder: Path, *, feeds: str = "", **settings: str) -> Iterator[Up]:
    """Start `powerdesk up` and wait until it answers; end it when the block does."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["up", "--data", str(folder), "--port", "0", "--feeds", feeds, "--no-browser"]
    with (folder.parent / "out.txt").open("ab") as out, (folder.parent / "err.txt").open("ab") as err:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*COMMAND, *arguments], env=environment(**settings), stdout=out, stderr=err
        )
    try:
        owner = _answering(process, folder)
        headers = {"Authorization": f"Bearer {owner.token}"}
        with httpx.Client(base_url=owner.url, headers=headers, timeout=PATIENCE_S, verify=trusted(owner)) as client:
            yield Up(process, folder, owner, client)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


def _answering(process: subprocess.Popen[bytes], folder: Path) -> ownership.Owner:
    def well() -> ownership.Owner | None:
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}")
        owner = ownership.find(folder)
        if owner is not None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{owner.url}/health", verify=trusted(owner)).status_code == httpx.codes.OK:
                    return owner
        return None

    try:
        return until(well, what="an answer")
    except AssertionError as fault:
        raise AssertionError(f"{fault}: {(folder.parent / 'err.txt').read_text()[-2000:]}") from fault


def logged(text: str) -> list[dict[str, Any]]:
    """Return the JSON lines of a log."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
