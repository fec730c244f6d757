"""Every block of the README runs, in order, in one folder, against a scripted model behind a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.stub_server import serving

BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.slow
def test_readme_blocks_run(tmp_path: Path) -> None:
    languages = [language for language, _ in BLOCKS]
    assert languages == (
        ["text", "sh", "sh", "python", "sh", "sh", "sh", "sh", "sh", "text", "sh", "sh", "text", "text", "sh", "python"]
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with serving() as stub:
        environment = {**os.environ, "PATH": path, "SERVER": stub.base_url}
        for number, (language, code) in enumerate(BLOCKS):
            if language == "text":
                continue
            if "class Interview" in code:
                (tmp_path / "interview.py").write_text(code, encoding="utf-8")
                continue
            command = [sys.executable, "-c", code] if language == "python" else ["bash", "-euo", "pipefail", "-c", code]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240
            )
            assert done.returncode == 0, f"block {number}: {done.stderr[-2000:]}"
    assert (tmp_path / "first.parquet").exists()
    assert (tmp_path / "runs/panels/study.yaml").exists()


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    text = next(code for language, code in BLOCKS if language == "text")

    assert [f"\n{target}:" in makefile for target in re.findall(r"make (\w+)", text)] == [True, True]


def test_links_of_the_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
