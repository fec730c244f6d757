"""Every command of docs/samples.md runs, in order, in one folder, against a scripted model behind a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import command
from tests.conftest import ROOT
from tests.postprocess.test_annotate import agreeing, fill, items_of
from tests.stub_server import serving

TEXT = (ROOT / "docs/samples.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_commands_of_the_document_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    printed = []
    monkeypatch.chdir(tmp_path)
    with serving() as stub:
        environment = {**os.environ, "PATH": path, "SERVER": stub.base_url}
        for number, code in enumerate(BLOCKS):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", code],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600,
            )  # fmt: skip
            assert done.returncode == 0, f"block {number}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
            printed.append(done.stdout)
            if "annotate sheet" in code:
                # What raters do between the commands.
                for rater in ("anna", "ben"):
                    fill(tmp_path / f"sheets/{rater}.csv", items_of(tmp_path / "runs/first"), agreeing)
                rating = re.findall(r"^culturepark (samples annotate .*)$", TEXT, re.MULTILINE)[1:]
                printed += [command(*line.split()) for line in rating]
    assert len(BLOCKS) == 6
    assert "Krippendorff's alpha" in "".join(printed)
    assert {"rows.jsonl", "rows.meta.jsonl", "sharegpt.jsonl", "samples.parquet", "samples.csv", "dataset"} <= {
        path.name for path in tmp_path.iterdir()
    }
    assert "the answers of KOR to wvs7:Q27 was removed from this run" in printed[-1]


def test_the_document_names_every_format_and_every_tag() -> None:
    from typing import get_args

    from culturepark.personas.surveys.sensitivity import Sensitivity
    from culturepark.postprocess.formats import FORMATS

    assert [name for name in FORMATS if f"| `{name}` |" not in TEXT] == []
    assert [tag for tag in get_args(Sensitivity) if tag not in TEXT] == []
