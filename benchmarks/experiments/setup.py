"""One experiment about to run: its design, how large, with which models, in which folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import Field

from culturepark import Study
from culturepark.benchmarks.experiments.design import SCRIPTED, Design, Size, SizeName
from culturepark.personas.roster import MAIN_CULTURE, load_roster
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.record import Record, build

RUNS: Final = "runs"
ROWS: Final = "rows"
ADAPTERS: Final = "adapters"
NOWHERE: Final = "http://127.0.0.1:9/v1"
"""Where the scripted model is while nothing is sent; no part of any id."""


class Options(Record):
    """What a user may set; None and empty are the size's own."""

    size: SizeName = "full"
    model: str | None = None
    base_url: str | None = None
    judge: str | None = None
    base: str | None = None
    cultures: tuple[str, ...] = ()
    talks: int | None = Field(default=None, ge=1)
    rows: int | None = Field(default=None, ge=2)
    steps: int | None = Field(default=None, ge=1)
    cells: int | None = Field(default=None, ge=1)
    texts: int | None = Field(default=None, ge=1)
    seeds: tuple[int, ...] = ()
    data: str | None = None
    """Folder of third-party data, laid out as `bench --data` reads it."""
    survey: str | None = None
    """WVS wave 7 CSV with the countries that are not shipped."""
    seed: int = 0
    budget: float | None = Field(default=None, ge=0)
    """US dollars for each run of talks."""


class Setup(NamedTuple):
    """What an experiment's functions are given."""

    design: Design
    size: Size
    """With the options in place."""
    options: Options
    folder: Path
    url: str | None
    """Of the talking model's server; None for our own models and the hosted API."""
    imagined: bool = False
    """Whether this is only to be estimated: what the user has yet to give is taken as given."""

    @property
    def models(self) -> tuple[str, ...]:
        """Who talks, as after `--model`; more than one only where an experiment compares them."""
        return tuple(f"openai:{SCRIPTED}" if name == SCRIPTED else name for name in self.size.model.split(","))

    @property
    def model(self) -> str:
        """Who talks; of several, the first."""
        return self.models[0]

    @property
    def is_scripted(self) -> bool:
        """Whether nobody real talks."""
        return self.size.model == SCRIPTED

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms that are run, in the design's order."""
        return tuple(arm for arm in self.design.arms if not self.size.arms or arm in self.size.arms)

    @property
    def cultures(self) -> tuple[str, ...]:
        """Delegates' cultures."""
        return self.size.cultures or load_roster().delegate_cultures

    def run(self, name: str) -> Path:
        """Folder of one of the experiment's runs."""
        return self.folder / RUNS / name

    def rows(self, arm: str) -> Path:
        """File of an arm's training rows."""
        return self.folder / ROWS / f"{arm}.jsonl"

    def adapter(self, arm: str, seed: int = 0) -> Path:
        """Folder of an arm's adapter."""
        return self.folder / ADAPTERS / (arm if len(self.size.seeds) == 1 else f"{arm}-seed{seed}")

    def study(self, name: str, simulate: Mapping[str, Any] | None = None, **sections: Any) -> Study:
        """A study of the experiment: the size's settings, with what an arm does otherwise."""
        size = self.size
        settings: dict[str, Any] = {
            "name": name.replace("_", "-"),
            "model": self.model,
            "base_url": self.url,
            "seed": self.options.seed,
            "simulate": {
                "cultures": size.cultures,
                "questions": size.questions,
                "talks": size.talks,
                "protocol": "self-guidance",
                "protocol_args": {"turns": size.utterances},
                **(simulate or {}),
            },
            "budget": {"money": self.options.budget},
            **sections,
            "refine": {"judge": size.judge, **sections.get("refine", {})},
        }
        return build(Study, settings, place=f"{self.design.name}, arm {name!r}")


def make_setup(design: Design, options: Options, folder: Path, *, url: str | None = None) -> Setup:
    """Put the options over the size's settings.

    Raises:
        CultureParkError: For a model, culture or address that cannot be meant; nothing is made then.
    """
    size = design.sizes[options.size]
    given = {
        "model": options.model,
        "judge": options.judge,
        "base": options.base,
        "cultures": options.cultures or None,
        "talks": options.talks,
        "rows": options.rows,
        "steps": options.steps,
        "cells": options.cells,
        "texts": options.texts,
        "seeds": options.seeds or None,
    }
    size = size.model_copy(update={name: value for name, value in given.items() if value is not None})
    for culture in size.cultures:
        load_roster().culture(culture)
    if MAIN_CULTURE in size.cultures:
        others = ", ".join(load_roster().delegate_cultures)
        raise CultureParkError(
            f"{design.name}: culture {MAIN_CULTURE!r} is the main contact's own, so its talks would meet nobody of "
            f"another; choose among {others}"
        )
    for arm in size.arms:
        assert arm in design.arms, f"{design.name}: size {options.size} names no arm: {arm}"
    if size.model == SCRIPTED and options.base_url is not None:
        raise CultureParkError(
            f"{design.name}: --base-url is for a server's model, and this size talks with the scripted one; "
            "add --model openai:NAME"
        )
    if size.model != SCRIPTED:
        for name in size.model.split(","):
            parse_model(name)
        if "," in size.model and not design.several_models:
            raise CultureParkError(
                f"{design.name}: --model {size.model!r} names several, and this experiment is about one; run it once "
                "for each"
            )
    own = NOWHERE if size.model == SCRIPTED else None
    return Setup(design, size, options, folder, url or options.base_url or own)
