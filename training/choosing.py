"""From the options of `culturepark train` to the study that it follows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from culturepark import Study
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.store import DATABASE, LOCATION
from culturepark.simulation.saved import SAVED
from culturepark.training.presets import preset
from culturepark.training.row import KINDS
from culturepark.training.settings import Method, Mode, Scope, Weight


def chosen_study(run: Path, name: str, given: Mapping[str, Any]) -> Study:
    """The run's study, with a preset and then the command's options in place of its own `train` section.

    Args:
        run: Run folder.
        name: Of the preset.
        given: The command's options by name; None replaces nothing.

    Raises:
        CultureParkError: When there is no run, or an option is none of those known.
    """
    options = _options(given)
    train = options["train"]
    for option, known in (("weight", Weight), ("mode", Mode), ("method", Method), ("scope", Scope)):
        if train[option] is not None and train[option] not in get_args(known):
            raise unknown(option, train[option], get_args(known), place=f"--{option}")
    for kind in train["rows"] or ():
        if kind not in KINDS:
            raise unknown("kind of row", kind, KINDS, place="--rows")
    if not (run / DATABASE).exists() and not (run / LOCATION).exists():
        raise CultureParkError(f"{run}: there is no run here; `culturepark run --run {run}` makes one")
    settings = _joined(preset(name), _without_none(train))
    saved = run / SAVED
    overrides = {"model": options["model"], "base_url": options["base_url"], "train": settings}
    return Study.load(saved if saved.exists() else None, overrides)


def chosen_seeds(text: str) -> tuple[int, ...]:
    """Seeds as they stand after `--seeds`, each once.

    Raises:
        CultureParkError: For one that is no whole number from 0.
    """
    seeds = [part.strip() for part in text.split(",")]
    for seed in seeds:
        if not (seed.isascii() and seed.isdigit()):
            raise CultureParkError(f"--seeds: {seed!r} is not a whole number from 0; write for instance 0,1,2")
    return tuple(dict.fromkeys(map(int, seeds)))


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options as fields of the study's `train` section; None replaces nothing."""
    listed = {
        name: [part.strip() for part in given[name].split(",")] if given[name] else None for name in ("culture", "rows")
    }
    hosted = (given["method"] == "openai") or (given["base"] or "").startswith("openai:")
    return {
        "model": given["model"],
        "base_url": given["model_url"],
        "train": {
            "cultures": listed["culture"],
            "rows": listed["rows"],
            "seeds": chosen_seeds(given["seeds"]) if given["seeds"] else None,
            "weight": given["weight"],
            "mode": given["mode"],
            "method": given["method"],
            "scope": given["scope"],
            "tokens": given["tokens"],
            "max_cosine": given["max_cosine"],
            "hosted": {"base": given["base"] if hosted else None, "base_url": given["base_url"]},
            "lora": {"base": None if hosted else given["base"]},
        },
    }


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of `one` with those of `other` in their place, section by section."""
    joined = dict(one)
    for key, value in other.items():
        inner = joined.get(key)
        joined[key] = _joined(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return joined
