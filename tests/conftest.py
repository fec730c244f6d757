"""What several tests need: the shared data, the scripted model server, a run folder."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

from culturepark.__main__ import main
from tests.stub_server import StubServer, serving

ROOT = Path(__file__).resolve().parent.parent
# How long an example takes says something about the machine, not about the code.
settings.register_profile("culturepark", deadline=None)
settings.load_profile("culturepark")


def pytest_configure() -> None:
    """Share the processors out before PyTorch is there: its threads wait spinning, which is slow where two tests do."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def lacking(what: str) -> None:
    """Skip for want of something this machine lacks; where everything is required, fail instead."""
    if os.environ.get("CULTUREPARK_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is required here (CULTUREPARK_REQUIRE_ALL=1)")
    pytest.skip(f"{what} is not on this machine")


class Ended(NamedTuple):
    """What a command left behind."""

    code: int | str | None
    out: str
    err: str


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ended]]:
    """Type a command in `tmp_path`: all that `python -m culturepark` does, without the seconds a new process takes."""
    handler, often = signal.getsignal(signal.SIGTERM), gc.get_threshold()
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # put back at the end, as the command sets its own
    monkeypatch.chdir(tmp_path)

    def ended(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["culturepark", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return Ended(caught.value.code, *capsys.readouterr())

    yield ended
    signal.signal(signal.SIGTERM, handler)
    gc.unfreeze()
    gc.set_threshold(*often)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real third-party data beside the project; never part of it."""
    folder = Path(os.environ.get("CULTUREPARK_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        # Nothing can install this data, so its absence is never a failure; the count of skips tells of it.
        pytest.skip(f"the shared data folder {folder} is not on this machine")
    return folder


@pytest.fixture
def stub() -> Iterator[StubServer]:
    """A scripted model behind a real HTTP server on loopback."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL database on loopback, password and all; the server ends with the tests."""
    initdb = shutil.which("initdb") or next(
        (str(path) for path in Path("/usr/lib").glob("postgresql/*/bin/initdb")), None
    )
    if initdb is None:
        lacking("PostgreSQL (apt install postgresql)")
    # The server refuses to run as root; Debian's package brings a user for it.
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with socket.socket() as probe, tempfile.TemporaryDirectory() as place:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        folder = Path(place)
        (folder / "password").write_text("canary-7713\n", encoding="utf-8")
        if as_owner:
            shutil.chown(folder, "postgres")
            shutil.chown(folder / "password", "postgres")
        data = folder / "data"
        owner = ["--username=culture", f"--pwfile={folder / 'password'}", "--auth=scram-sha-256"]
        subprocess.run([*as_owner, initdb, *owner, f"--pgdata={data}"], check=True, capture_output=True, cwd=place)
        control = [*as_owner, str(Path(str(initdb)).with_name("pg_ctl")), f"--pgdata={data}", "--wait"]
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        log = f"--log={folder / 'log'}"
        subprocess.run([*control, log, f"--options={options}", "start"], check=True, capture_output=True, cwd=place)
        yield f"postgresql+psycopg://culture:canary-7713@127.0.0.1:{port}/postgres"
        subprocess.run([*control, "--mode=immediate", "stop"], check=True, capture_output=True, cwd=place)
