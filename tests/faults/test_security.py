"""Keys stay out of everything that is written, nothing from outside is executed, and no weights are pickled."""

import re
from pathlib import Path

import pytest

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models import opening
from culturepark.runtime.models.endpoint import api_key
from tests.conftest import ROOT

CANARY = "sk-canary-918273645"
STAGES = ("runtime", "personas", "protocols", "simulation", "postprocess", "training", "benchmarks", "studio")


def test_a_key_file_is_read_if_nobody_else_can_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text(f"{CANARY}\n", encoding="utf-8")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(path))

    path.chmod(0o600)
    assert api_key(None) == CANARY
    for mode in (0o640, 0o604, 0o666):
        path.chmod(mode)
        with pytest.raises(CultureParkError) as refused:
            api_key(None)
        assert str(refused.value) == f"OPENAI_API_KEY_FILE={path}: others can read the key; run `chmod 600 {path}`"
    path.write_text("two keys", encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(CultureParkError, match="should hold one key and nothing else"):
        api_key(None)


def test_plain_http_to_another_machine_is_warned_of_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(opening, "_WARNED", set())
    for url in (
        "http://gpu.example:8000/v1",
        "http://gpu.example:8000/v1",
        "http://127.0.0.1:1/v1",
        "https://a.example",
    ):
        opening._warn_of_plain_http(url)

    assert capsys.readouterr().err == (
        "warning: gpu.example is reached over plain http: the key and the talks can be read on the way\n"
    )


UNSAFE = {
    "pickled data": r"\b(pickle|cPickle|dill|joblib|shelve|marshal)\b|torch\.load\(|allow_pickle=True",
    "YAML that makes objects": r"yaml\.(load|load_all|unsafe_load|full_load)\((?!text, Loader=yaml\.CSafeLoader\))",
    "code of a model's author": r"trust_remote_code=True",
    "a shell": r"shell=True|os\.system\(|os\.popen\(",
    "weights that are no safetensors": r"use_safetensors\W+False",
}


# Work between processes of one run, on connections that Ray's token guards; nothing of it is kept or comes from outside.
ALLOWED = {"pickled data": ["runtime/engines/packing.py"]}


@pytest.mark.parametrize("what", UNSAFE)
def test_no_source_uses(what: str) -> None:
    sources = [path for stage in STAGES for path in (ROOT / stage).rglob("*.py")]
    sources += (ROOT / "src/culturepark").glob("*.py")
    assert len(sources) > 150
    found = [path for path in sources if re.search(UNSAFE[what], path.read_text(encoding="utf-8"))]
    assert [path.relative_to(ROOT).as_posix() for path in found] == ALLOWED.get(what, [])


def test_code_is_executed_at_one_place_only_for_protocols() -> None:
    executing = [
        path.relative_to(ROOT).as_posix()
        for stage in STAGES
        for path in (ROOT / stage).rglob("*.py")
        if re.search(r"(?<![\w.])(exec|eval)\(", path.read_text(encoding="utf-8"))
    ]
    assert executing == ["protocols/catalogue.py"]
