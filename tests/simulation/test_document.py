"""Every command of docs/transcripts.md runs, in order, in one folder, against a scripted model behind a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.stub_server import serving

BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/transcripts.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_commands_of_the_document_run(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with serving() as stub:
        environment = {**os.environ, "PATH": path, "SERVER": stub.base_url}
        for number, code in enumerate(BLOCKS):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", code],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240,
            )  # fmt: skip
            assert done.returncode == 0, f"block {number}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
    assert len(BLOCKS) == 9
    assert (tmp_path / "diff.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert (tmp_path / "talks.jsonl").read_text("utf-8").count("\n") == 8
