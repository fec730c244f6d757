"""What a fork can be wished to do otherwise, and the words of a form turned into wishes."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from culturepark.personas.roster import load_roster
from culturepark.protocols.arguments import parse_arguments
from culturepark.protocols.catalogue import list_protocols
from culturepark.runtime.models.weights import weights_table
from culturepark.runtime.read_only import looking
from culturepark.simulation.forking import ForkWishes, PlannedFork, wish_fork
from culturepark.simulation.saved import load_saved
from culturepark.simulation.talks import find_transcript
from culturepark.simulation.transcript import Transcript


class Offered(NamedTuple):
    """What the form offers."""

    protocols: tuple[str, ...]
    personas: Mapping[str, str]
    """Id to what is shown."""
    models: tuple[str, ...]


def offered(run: Path, talk: Transcript) -> Offered:
    """Protocols, people and models to choose from.

    Raises:
        CultureParkError: When the study or a persona file of the run cannot be read.
    """
    study = load_saved(run, model=talk.model.partition("@")[0])
    roster = load_roster([Path(folder) for folder in study.persona_folders])
    people = {one.id: f"{one.name}, {roster.cultures[one.culture].country_name}" for one in roster.personas.values()}
    talking = [f"builtin:{name}" for name, entry in weights_table().items() if entry.kind != "folder"]
    return Offered(
        tuple(found.name for found in list_protocols()),
        people,
        tuple(dict.fromkeys((study.model, *talking))),
    )


def wishes(
    turn: int,
    *,
    protocol: str = "",
    arguments: str = "",
    personas: Mapping[str, str] | None = None,
    model: str = "",
    base_url: str = "",
    say: str = "",
    said: str = "",
) -> ForkWishes:
    """Turn the words of the form into wishes; an empty field keeps what the parent has.

    Args:
        turn: Where the fork leaves.
        protocol: Its name.
        arguments: Its arguments, `key=value` with spaces between.
        personas: Persona id of each seat to the id of who takes it.
        model: As after `--model`.
        base_url: Of an `openai:` model.
        say: What is said at that turn.
        said: What was said there: the same text is no edit.

    Raises:
        CultureParkError: For an argument that is not key=value.
    """
    return ForkWishes(
        at=turn,
        protocol=protocol or None,
        protocol_args=parse_arguments(arguments.split()),
        personas={old: new for old, new in (personas or {}).items() if new and new != old},
        model=model.strip() or None,
        base_url=base_url.strip() or None,
        say=say if say.strip() and say != said else None,
    )


def plan(run: Path, talk: str, wished: ForkWishes) -> PlannedFork:
    """Plan a fork; nothing is written.

    Raises:
        CultureParkError: For a wish that cannot be.
    """
    with looking(run) as store:
        return wish_fork(store, find_transcript(store, talk), wished)


def runs_code(talk: Transcript) -> str | None:
    """The Python file that forking or verifying the talk runs; None for a shipped protocol or a script."""
    path, colon, _ = talk.protocol.name.rpartition(":")
    return path if colon and path.endswith(".py") else None
