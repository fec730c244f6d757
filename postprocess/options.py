"""Options that several `samples` commands have, and how they are read."""

from pathlib import Path
from typing import Annotated

import typer

Culture = Annotated[str | None, typer.Option("--culture", help="Comma-separated culture ids.")]
Question = Annotated[
    str | None,
    typer.Option("--question", help="Comma-separated question ids; the survey of the study may be left out."),
]


def source_of(run: Path) -> str:
    """The survey of the run's study, e.g. `wvs7`."""
    from culturepark.runtime.record import read_yaml  # noqa: PLC0415  (slow to import, and `--help` needs none of it)

    return str(read_yaml(run / "study.yaml")["simulate"]["source"])


def named(option: str | None) -> list[str]:
    """What a comma-separated option names; nothing where it was not given."""
    return option.split(",") if option else []


def named_questions(option: str | None, run: Path) -> list[str]:
    """Full ids of the questions that an option names: `Q27` is the one of the survey of the run's study."""
    return [name if ":" in name else f"{source_of(run)}:{name}" for name in named(option)]
