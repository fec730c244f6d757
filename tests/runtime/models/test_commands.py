import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from culturepark.runtime.commands import doctor, models_app

app = typer.Typer()
app.add_typer(models_app, name="models")
app.command()(doctor)


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CULTUREPARK_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("CULTUREPARK_ADAPTERS", str(tmp_path / "adapters"))


def test_lists_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "smollm2-135m.gguf").touch()

    listed = json.loads(CliRunner().invoke(app, ["models", "list", "--json"]).stdout)

    assert {row["model"]: (row["kind"], row["fetched"]) for row in listed} == {
        "qwen2.5-coder-1.5b": ("talks", "no"),
        "qwen2.5-coder-0.5b": ("talks", "no"),
        "smollm2-135m": ("talks", "yes"),
        "all-minilm-l6-v2": ("embedder", "no"),
    }


def test_doctor_says_what_is_missing_and_never_shows_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")

    done = CliRunner().invoke(app, ["doctor", "--json"])

    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.exit_code == 0
    assert checks["key"]["found"] == "OPENAI_API_KEY is set"
    assert "sk-very-secret" not in done.output
    assert checks["built-in model"] == {
        "name": "built-in model",
        "state": "optional",
        "found": "qwen2.5-coder-1.5b, not fetched",
        "way_out": "culturepark models fetch qwen2.5-coder-1.5b (1117 MB)",
    }


def test_doctor_works_in_a_pipe() -> None:
    lines = CliRunner().invoke(app, ["doctor"]).stdout.splitlines()

    assert lines[0] == "check\tstate\tfound\tway out"
    assert all(line.count("\t") == 3 for line in lines)
