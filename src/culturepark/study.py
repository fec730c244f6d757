"""A study: one record of everything a run was asked to do, loaded once and saved beside the results."""

from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, JsonValue, model_validator

from culturepark.benchmarks.task import BenchSettings
from culturepark.postprocess.refine import RefineSettings
from culturepark.runtime.budget import BudgetSettings
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.record import Record, build, read_yaml
from culturepark.simulation.plan import SimulateSettings
from culturepark.simulation.saved import SAVED
from culturepark.simulation.vary import Cell, cells, setting_of
from culturepark.target import TargetSettings
from culturepark.training.settings import TrainSettings


class Study(Record):
    """Each stage's settings; a field left out has its stage's default."""

    name: str = Field(default="study", pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Names the run's folder: `runs/<name>` unless `--run` says otherwise."""
    model: str = "builtin"
    base_url: str | None = None
    """Of an OpenAI-compatible server; no part of any id."""
    seed: int = 0
    persona_folders: tuple[str, ...] = ()
    """Folders of culture files that add cultures and people, or override shipped ones."""
    simulate: SimulateSettings = SimulateSettings()
    vary: dict[str, JsonValue] = {}
    """A factorial: factor to values (see `culturepark.simulation.vary`). Every combination is held over the same
    seeds."""
    refine: RefineSettings = RefineSettings()
    target: TargetSettings = TargetSettings()
    train: TrainSettings = TrainSettings()
    bench: BenchSettings = BenchSettings()
    budget: BudgetSettings = BudgetSettings()
    limits: LimitSettings = LimitSettings()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The combinations of `vary`; one, the study as it is, without."""
        return cells(self.vary, self.simulate, self.model)

    @model_validator(mode="after")
    def _factors_exist(self) -> Self:
        cells(self.vary, self.simulate, self.model)
        return self

    @classmethod
    def load(cls, path: Path | None, overrides: Mapping[str, Any] | None = None) -> "Study":
        """Read a study file (the shipped quickstart when None), with single settings replaced.

        `overrides` is nested like the file: `{"simulate": {"cast": "panel"}}`; None values replace nothing.

        Raises:
            CultureParkError: Names the file and the first field that is wrong.
        """
        if path is None:
            with as_file(files("culturepark") / "studies" / "quickstart.yaml") as shipped:
                data, place = read_yaml(shipped), "quickstart.yaml"
        else:
            data, place = read_yaml(path), str(path)
        if not isinstance(data, dict):
            raise CultureParkError(f"{place}: expected fields and values, found {type(data).__name__}")
        if isinstance(data.get("bench"), list):  # short for its suites
            data = {**data, "bench": {"suites": data["bench"]}}
        _refuse_fixed(data.get("vary"), overrides or {}, place)
        return build(cls, _merged(data, overrides or {}), place=place)

    def sized(self, talks: int) -> "Study":
        """The same study with so many talks."""
        return self.model_copy(update={"simulate": self.simulate.model_copy(update={"talks": talks})})

    def save(self, folder: Path) -> None:
        """Write the study as resolved, every default spelled out."""
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        partial = folder / f".{SAVED}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / SAVED)


def _refuse_fixed(vary: Any, overrides: Mapping[str, Any], place: str) -> None:
    """Refuse an option for what the study varies: it would change nothing.

    Raises:
        CultureParkError: Names the factor.
    """
    given = {**overrides, **(overrides.get("simulate") or {})}
    for factor in vary if isinstance(vary, Mapping) else ():
        value = given.get(setting_of(str(factor)))
        if value is not None:
            raise CultureParkError(
                f"{place}: the study varies {factor!r}, so it cannot be set to {value!r} besides; "
                "take it out of `vary` or leave the option out"
            )


def _merged(data: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(data)
    for key, value in overrides.items():
        # Arguments belong to one protocol: another's are not mixed in.
        if isinstance(value, Mapping) and key != "protocol_args":
            inner = merged.get(key) or {}
            if not isinstance(inner, Mapping):
                raise CultureParkError(f"study: {key!r} should hold fields and values, not {inner!r}")
            merged[key] = _merged(inner, value)
        elif value is not None:
            merged[key] = value
    return merged
