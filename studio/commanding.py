"""The command line, run beside the studio: code of the user's own runs there, never in the studio's process."""

import atexit
import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from culturepark.runtime.errors import CultureParkError

PATIENCE: Final = 120.0
"""Seconds after which a protocol that does not answer is given up."""
_running: set[subprocess.Popen[str]] = set()


def command(*arguments: str, folder: Path, patience: float | None = PATIENCE) -> str:
    """Run `culturepark …` in a folder and return its stdout; exit code 1 is a result, too.

    Raises:
        CultureParkError: The line that the command ended with, or that it took too long.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "culturepark", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _running.add(process)
    try:
        out, complaint = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise CultureParkError(f"`culturepark {' '.join(arguments[:3])}` was stopped after {patience:g} s") from None
    finally:
        _running.discard(process)
    if process.returncode not in {0, 1}:
        last = (complaint.strip().splitlines() or [f"ended with {process.returncode}"])[-1]
        raise CultureParkError(last.removeprefix("error: "))
    return out


def document(*arguments: str, folder: Path) -> Any:
    """Run a command with `--json` and read its document."""
    return json.loads(command(*arguments, "--json", folder=folder))


@atexit.register
def _end_all() -> None:
    """What a page started ends with the studio; SIGTERM lets a talk save itself."""
    for process in tuple(_running):
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
