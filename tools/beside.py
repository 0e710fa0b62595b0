"""Run checks side by side, as many at once as there are processors, and print what each said in the order given.

`python tools/beside.py "-m mypy && -m mypy --strict tools" "tools/tidy.py"`: each argument is a line of commands of
this interpreter, one after the other where && stands between them. Leaves with 1 when one failed, once all have ended.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


def run(line: str) -> tuple[bool, str]:
    """Return whether every command of the line succeeded, and what they printed up to the first that did not."""
    said = ""
    for command in line.split("&&"):
        words = [sys.executable, *shlex.split(command)]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        said += done.stdout
        if done.returncode:
            return False, f"{said}{command.strip()} failed with {done.returncode}\n"
    return True, said


def main() -> int:
    """Run the lines given."""
    fine = True
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for well, said in pool.map(run, sys.argv[1:]):
            print(said, end="", flush=True)
            fine = fine and well
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
