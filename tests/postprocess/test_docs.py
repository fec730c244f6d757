"""Every block of docs/refinement.md runs, in order, in one folder; its tables name every reason and every field."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from culturepark.postprocess.extract import AT_ONCE, BYTES_AT_ONCE, LONGEST, Unread
from culturepark.postprocess.funnel import Funnel
from culturepark.postprocess.opinion import DropReason, Verdict
from culturepark.postprocess.screen import SHORTEST, SHORTEST_DENSE
from tests.conftest import ROOT
from tests.stub_server import serving

TEXT = (ROOT / "docs/refinement.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
NAMED = set(re.findall(r"`(\w+)`", TEXT))


@pytest.mark.slow
def test_the_blocks_run(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with serving() as stub:
        environment = {**os.environ, "PATH": path, "SERVER": stub.base_url}
        for code in BLOCKS:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", code],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=280,
            )  # fmt: skip
            assert done.returncode == 0, f"{code}\n{done.stderr[-2000:]}"
    funnel = json.loads((tmp_path / "refined.json").read_text("utf-8"))["funnel"]
    assert set(funnel) == set(Funnel.model_fields)
    assert Funnel.model_validate(funnel).rows()[0] == ("talks", 4)
    assert "judges agree\t" in done.stdout
    assert len(BLOCKS) == 2


def test_every_reason_and_every_field_is_explained() -> None:
    assert set(get_args(Unread)) <= NAMED
    assert set(get_args(DropReason)) <= NAMED
    assert set(get_args(Verdict)) <= NAMED
    assert set(Funnel.model_fields) - {"talks", "utterances"} <= NAMED


def test_the_limits_are_those_of_the_code() -> None:
    assert f"at most {AT_ONCE} sentences and {BYTES_AT_ONCE // 1000} 000 bytes" in TEXT
    assert f"up to {LONGEST} characters" in TEXT
    assert f"fewer than {SHORTEST} letters ({SHORTEST_DENSE} in Chinese and Korean)" in TEXT
    assert "\n## Distinct samples, audit\n" in TEXT
