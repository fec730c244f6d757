"""The block of docs/harm.md runs; what it says of files and sets is so."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml

from culturepark.benchmarks.published import Fault, LayoutName
from tests.conftest import ROOT
from tests.stub_server import serving

TEXT = (ROOT / "docs/harm.md").read_text(encoding="utf-8")
SETS = {
    suite: yaml.safe_load((ROOT / f"benchmarks/{suite}/registry.yaml").read_text(encoding="utf-8"))
    for suite in ("harm", "forgetting")
}


@pytest.mark.slow
def test_the_block_runs(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    with serving(answer=lambda body: "A" if "hateful" in body["messages"][-1]["content"] else "#### 6") as stub:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path, env={**os.environ, "PATH": path, "SERVER": stub.base_url}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert {one["model"] for one in found["results"]} == {"openai:my-model", "openai:my-model+tuned"}
    assert set(found["comparisons"]) == {"harm", "forgetting"}
    assert (tmp_path / "runs/harm/report.html").is_file()


def test_every_set_layout_and_fault_is_named() -> None:
    for name, entry in (SETS["harm"] | SETS["forgetting"]).items():
        assert f"`{name}`" in TEXT
        assert entry["local"].rpartition("/")[0] in TEXT
    assert {f"`{name}`" for name in get_args(LayoutName)} <= set(re.findall(r"`\w+`", TEXT))
    assert all(fault in TEXT for fault in get_args(Fault))
    assert "fewer than 12" in TEXT
