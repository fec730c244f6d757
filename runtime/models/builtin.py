"""The built-in model: weights from the package registry, served on loopback by a child process."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psutil

from culturepark.runtime.errors import CultureParkError

READY_WITHIN = 180.0
STOP_WITHIN = 5.0


class Served(NamedTuple):
    """A model server that answers."""

    base_url: str
    pid: int

    def memory(self) -> int:
        """Resident memory of the server, in bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)


@asynccontextmanager
async def serve(path: Path, *, slots: int, context: int, adapter: Path | None = None) -> AsyncIterator[Served]:
    """Serve a GGUF file while the block runs.

    Args:
        path: Verified weights.
        slots: Requests answered at once. At least speakers times talks in flight keeps every turn's prefix cached.
        context: Tokens a slot can hold.
        adapter: GGUF file of a LoRA adapter that is active in every request.

    Raises:
        CultureParkError: When the server does not come up; carries the end of its log.
    """
    command = [sys.executable, "-m", "culturepark.runtime.models.server_process", str(path)]
    command += ["--slots", str(slots), "--context", str(context), "--threads", str(os.cpu_count() or 1)]
    command += [] if adapter is None else ["--adapter", str(adapter)]
    with tempfile.TemporaryFile() as log:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=_environment(),
            start_new_session=True,  # Ctrl-C reaches us, and we end the server once the state is saved
        )
        try:
            assert child.stdout is not None
            try:
                line = await asyncio.wait_for(child.stdout.readline(), READY_WITHIN)
            except TimeoutError:
                line = b""
            if not line:
                log.seek(0)
                reason = _reason(log.read().decode(errors="replace")) or f"it said nothing in {READY_WITHIN:.0f} s"
                raise CultureParkError(
                    f"{path.name}: the model server did not start ({reason}); "
                    "`culturepark doctor` shows what is missing"
                )
            yield Served(base_url=f"{json.loads(line)['url']}/v1", pid=child.pid)
        finally:
            await _stop(child)


def _reason(log: str) -> str:
    """The first error the library logged (the ones after it are its consequences), or the log's last line."""
    lines = [line for line in log.splitlines() if line.strip()]
    first = next((line.split(" E ", 1)[1].strip() for line in lines if " E " in line), None)
    return first or (lines[-1].strip() if lines else "")


async def _stop(child: asyncio.subprocess.Process) -> None:
    """Ask by closing its stdin, then insist."""
    if child.returncode is None:
        assert child.stdin is not None
        child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), STOP_WITHIN)
        except TimeoutError:
            child.kill()
            await child.wait()


def _environment() -> dict[str, str]:
    """Keep waiting threads from spinning, which is 3.5 times slower on a busy machine; pass no keys on."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    # The wheel needs libgomp, which slim systems lack; torch brings one.
    torch = find_spec("torch")
    if torch is not None and torch.origin is not None:
        library = str(Path(torch.origin).parent / "lib")
        kept["LD_LIBRARY_PATH"] = ":".join(filter(None, (kept.get("LD_LIBRARY_PATH"), library)))
    return {**kept, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
