import hashlib
from pathlib import Path

import pytest

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.spec import parse_model


@pytest.mark.parametrize(
    ("text", "kind", "identity"),
    [
        ("builtin", "builtin", "builtin:qwen2.5-coder-1.5b@cc324af070c2"),
        ("builtin:smollm2-135m", "builtin", "builtin:smollm2-135m@b179c9523d0e"),
        ("openai:gpt-4o-mini", "openai", "openai:gpt-4o-mini"),
        pytest.param("openai:qwen2.5:7b", "openai", "openai:qwen2.5:7b", id="a-name-may-hold-colons"),
    ],
)
def test_a_model_has_one_identity_on_every_machine(text: str, kind: str, identity: str) -> None:
    spec = parse_model(text)

    assert (spec.kind, spec.identity) == (kind, identity)


def test_a_file_is_known_by_its_bytes_not_its_folder(tmp_path: Path) -> None:
    (tmp_path / "own.gguf").write_bytes(b"GGUF")

    identity = parse_model(f"gguf:{tmp_path}/own.gguf").identity

    assert identity == f"gguf:own.gguf@{hashlib.sha256(b'GGUF').hexdigest()[:12]}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "bultin",
            "model 'bultin' (builtin[:NAME[+ADAPTER]], openai:NAME or gguf:PATH): no kind of model named 'bultin'; "
            "did you mean 'builtin'? Known: builtin, gguf, nli, openai.",
        ),
        (
            "builtin:qwen2.5-coder-1.5",
            "no built-in model named 'qwen2.5-coder-1.5'; did you mean 'qwen2.5-coder-1.5b'? "
            "Known: all-minilm-l6-v2, qwen2.5-coder-0.5b, qwen2.5-coder-1.5b, smollm2-135m.",
        ),
        (
            "builtin:smollm2-135m+",
            "model 'builtin:smollm2-135m+' names no adapter; `culturepark models list` shows those there are",
        ),
        (
            "builtin:all-minilm-l6-v2",
            "model 'builtin:all-minilm-l6-v2' is an embedder; "
            "models that talk: qwen2.5-coder-1.5b, qwen2.5-coder-0.5b, smollm2-135m",
        ),
        ("gguf:nowhere.gguf", "model 'gguf:nowhere.gguf': there is no file 'nowhere.gguf'"),
        ("openai:", "model 'openai:' names no model; write for instance openai:gpt-4o-mini"),
    ],
)
def test_a_wrong_name_gets_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(CultureParkError) as caught:
        parse_model(text)

    assert str(caught.value) == message


def test_an_adapter_that_is_nowhere_gets_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CULTUREPARK_ADAPTERS", str(tmp_path / "kept"))

    with pytest.raises(CultureParkError) as caught:
        parse_model("builtin:smollm2-135m+arabic")

    assert str(caught.value) == f"there is no adapter 'arabic'; none in ./runs or {tmp_path / 'kept'}"
