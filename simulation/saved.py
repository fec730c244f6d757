"""What a run's `study.yaml` says about its talks: enough to make them again, or to go on from them."""

from pathlib import Path

from pydantic import ConfigDict, JsonValue

from culturepark.runtime.budget import BudgetSettings
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.spec import ModelSpec, parse_model
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.record import Record, build, read_yaml
from culturepark.simulation.plan import SimulateSettings
from culturepark.simulation.transcript import IMPORTED

SAVED = "study.yaml"


class SavedStudy(Record):
    """A resolved study as its run keeps it, later stages left out. Nothing has a default: all is spelled out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    base_url: str | None
    seed: int
    persona_folders: tuple[str, ...]
    simulate: SimulateSettings
    vary: dict[str, JsonValue]
    budget: BudgetSettings
    limits: LimitSettings


def load_saved(run: Path, *, model: str | None = None) -> SavedStudy:
    """Read the study that a run folder keeps; a folder of imported talks has none, and `model` then says who talks.

    Raises:
        CultureParkError: When there is neither.
    """
    path = run / SAVED
    if not path.exists():
        if model is None:
            raise CultureParkError(
                f"{path}: there is no such file, so nothing says which model talks here; add --model"
            )
        return SavedStudy(
            model=model,
            base_url=None,
            seed=0,
            persona_folders=(),
            simulate=SimulateSettings(),
            vary={},
            budget=BudgetSettings(),
            limits=LimitSettings(),
        )
    return build(SavedStudy, read_yaml(path), place=str(path))


def model_to_ask(
    study: SavedStudy, identity: str, *, model: str | None, base_url: str | None
) -> tuple[ModelSpec, str | None]:
    """The model and the address for going on with a talk: what is asked for, else the model of the talk.

    Args:
        study: The run's study: its address serves any `openai:` model unless another is given.
        identity: Of the model that talked; the study's goes on with an imported talk.
        model: As after `--model`; None for the one that talked.
        base_url: None for the study's.

    Raises:
        CultureParkError: When the talk's model cannot be named from its identity.
    """
    if model is not None:
        spec = parse_model(model)
    elif identity in {IMPORTED, parse_model(study.model).identity}:
        spec = parse_model(study.model)
    elif identity.startswith(("openai:", "builtin:")):
        spec = parse_model(identity.partition("@")[0])
    else:
        raise CultureParkError(f"the talk's model is {identity!r}, and the run's study has another; say --model")
    return spec, base_url or (study.base_url if spec.kind == "openai" else None)
