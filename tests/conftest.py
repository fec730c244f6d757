"""What several tests need: the shared data, the scripted model server, a run folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stub_server import StubServer, serving

ROOT = Path(__file__).resolve().parent.parent


def lacking(what: str) -> None:
    """Skip for want of something this machine lacks; where everything is required, fail instead."""
    if os.environ.get("CULTUREPARK_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is required here (CULTUREPARK_REQUIRE_ALL=1)")
    pytest.skip(f"{what} is not on this machine")


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
