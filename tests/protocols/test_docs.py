"""docs/protocols.md, followed word by word: its files are written, its commands run, its output is what is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from culturepark.protocols import list_protocols
from tests.conftest import ROOT
from tests.stub_server import serving

PAGE = (ROOT / "docs/protocols.md").read_text("utf-8")
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_page_runs_from_an_empty_folder_to_a_talk(tmp_path: Path) -> None:
    printed, seen = "", list[str]()
    with serving() as stub:
        for block in BLOCK.finditer(PAGE):
            language, code = block["language"], block["code"]
            seen.append(language)
            if language in {"python", "yaml"}:
                (name,) = re.findall(r"`([\w-]+\.\w+)`:$", block["before"])
                (tmp_path / name).write_text(code, encoding="utf-8")
            elif language == "output":
                assert printed == code
            else:
                # The page uses the built-in model where a model is needed; here a scripted one stands in.
                model = f" --model openai:stub --base-url {stub.base_url} "
                done = run(code.replace(" simulate ", f" simulate {model}"), tmp_path)
                assert done.returncode == 0, done.stdout + done.stderr
                printed = done.stdout
                if language == "text":
                    assert "(moderator: Tell " in printed
    assert seen == ["python", "sh", "output", "sh", "text", "yaml", "sh", "python", "sh", "python"]
    done = run("python -m pytest -q -p no:cacheprovider test_quiet_first.py", tmp_path)
    assert "1 passed" in done.stdout, done.stdout


def test_every_shipped_protocol_has_a_paragraph_and_a_sample_talk() -> None:
    names = [found.name for found in list_protocols()]

    assert sorted(re.findall(r"^\*\*([\w-]+)\*\* ", PAGE, re.MULTILINE)) == names
    assert sorted(re.findall(r"<details><summary>A talk</summary>\n\n`.* --protocol ([\w-]+) ", PAGE)) == names


def test_the_first_protocol_is_about_twenty_lines() -> None:
    first = next(block["code"] for block in BLOCK.finditer(PAGE) if block["language"] == "python")

    assert len([line for line in first.splitlines() if line.strip()]) <= 20
