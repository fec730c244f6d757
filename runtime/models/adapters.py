"""Trained adapters: a standard peft folder with `culturepark.json`, which says what it was trained on and how."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import platformdirs
from pydantic import JsonValue

from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.hashing import sha256
from culturepark.runtime.record import Record, build, not_json, read_text

DESCRIPTION: Final = "culturepark.json"
CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
RUNS: Final = Path("runs")
ADAPTERS: Final = "adapters"
"""Folder of a run, and of the user's cache, that adapters lie in."""
SCALE: Final = ("r", "lora_alpha", "use_rslora", "use_dora")
ADAPTERS_VARIABLE: Final = "CULTUREPARK_ADAPTERS"


class Adapter(Record):
    """What `culturepark.json` holds: enough to refuse a wrong base and to train the same adapter again."""

    schema_version: Literal[1] = 1
    base: str
    """Built-in name, hub id, or name of the base's folder."""
    base_sha256: str
    """Of a built-in model's GGUF file, else of the names and hashes of the base's safetensors files."""
    cultures: tuple[str, ...]
    rows: int
    rows_sha256: str
    rows_by_country: dict[str, int]
    rows_by_kind: dict[str, int]
    validation_rows: int
    settings: dict[str, JsonValue]
    """`LoraSettings` as resolved."""
    seed: int
    device: str
    precision: str
    quantization: str
    steps: int
    stopped_early: bool
    loss: float
    """Mean training loss of an answer's token over the last tenth of the steps, in nats."""
    validation_loss_before: float | None
    """Of the base itself, on rows that were not trained on."""
    validation_loss: float | None


class Found(NamedTuple):
    """An adapter and where it lies."""

    name: str
    """`RUN/FOLDER` in `runs/`, the folder's name in the cache."""
    folder: Path
    adapter: Adapter


def read_adapter(folder: Path) -> Adapter:
    """Read an adapter's description.

    Raises:
        CultureParkError: When the folder is no adapter, or one that another program made.
    """
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise CultureParkError(f"{folder}: is no adapter folder (no {' and no '.join(missing)})")
    if not (folder / DESCRIPTION).is_file():
        raise CultureParkError(
            f"{folder}: holds no {DESCRIPTION}, so which base it was trained on is unknown; "
            "train it with `culturepark train`"
        )
    place = folder / DESCRIPTION
    return build(Adapter, _read_json(place), place=str(place))


def find_adapter(name: str) -> Found:
    """Look an adapter up: a folder's path, `RUN/NAME`, NAME alone where it is unique, or the start of its sha256.

    Raises:
        CultureParkError: When there is none or several of that name, with what is there.
    """
    folder = Path(name)
    if folder.is_dir():
        return Found(folder.resolve().name, folder, read_adapter(folder))
    known = list(known_adapters())
    hits = [one for one in known if name in {one.name, one.folder.name}]
    hits = hits or [one for one in known if len(name) >= 8 and adapter_sha256(one.folder).startswith(name)]
    if len(hits) == 1:
        return hits[0]
    names = sorted(one.name for one in known)
    if hits:
        raise CultureParkError(f"adapter {name!r} could be {' or '.join(one.name for one in hits)}; write one of these")
    there = f"; known: {', '.join(names)}" if names else f"; none in ./{RUNS} or {adapters_folder()}"
    raise CultureParkError(f"there is no adapter {name!r}{did_you_mean(name, names)}{there}")


def known_adapters(runs: Path = RUNS) -> Iterator[Found]:
    """Every whole adapter of the runs here and of the user's cache, by name."""
    for description in sorted(runs.glob(f"*/{ADAPTERS}/*/{DESCRIPTION}")):
        folder = description.parent
        yield Found(f"{folder.parent.parent.name}/{folder.name}", folder, read_adapter(folder))
    for description in sorted(adapters_folder().glob(f"*/{DESCRIPTION}")):
        yield Found(description.parent.name, description.parent, read_adapter(description.parent))


def adapters_folder() -> Path:
    """Adapters kept outside runs: `$CULTUREPARK_ADAPTERS`, or the user's cache."""
    return Path(os.environ.get(ADAPTERS_VARIABLE) or Path(platformdirs.user_cache_dir("culturepark")) / ADAPTERS)


def adapter_sha256(folder: Path) -> str:
    """Hash of what an adapter computes: its weights and their scale, wherever it lies and whatever saved it."""
    return _sha256(folder.resolve(), tuple((folder / name).stat().st_mtime_ns for name in (CONFIG, WEIGHTS)))


@lru_cache(maxsize=64)
def _sha256(folder: Path, _state: tuple[int, ...]) -> str:
    config = peft_config(folder)
    with (folder / WEIGHTS).open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    return sha256({"weights": weights, **{name: config.get(name) for name in SCALE}})


def refuse_other_base(adapter: Adapter, *, place: str, name: str, base_sha256: str) -> None:
    """Let an adapter near its own base only.

    Raises:
        CultureParkError: Names both bases.
    """
    if adapter.base_sha256 != base_sha256:
        raise CultureParkError(
            f"adapter {place!r} was trained on {adapter.base} ({adapter.base_sha256[:12]}), "
            f"not on {name} ({base_sha256[:12]}); use it with its own base"
        )


def peft_config(folder: Path) -> Mapping[str, Any]:
    """Peft's own description of an adapter.

    Raises:
        CultureParkError: When the file is no JSON object.
    """
    place = folder / CONFIG
    config = _read_json(place)
    if not isinstance(config, dict):
        raise CultureParkError(f"{place}: expected fields and values, found {type(config).__name__}")
    return config


def _read_json(place: Path) -> Any:
    try:
        return json.loads(read_text(place))
    except (ValueError, RecursionError) as error:
        raise CultureParkError(f"{place}:{getattr(error, 'lineno', 1)}: {not_json(error)}") from None
