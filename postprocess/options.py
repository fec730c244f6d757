"""Options that several `samples` commands have."""

from typing import Annotated

import typer

Culture = Annotated[str | None, typer.Option("--culture", help="Comma-separated culture ids.")]
Question = Annotated[str | None, typer.Option("--question", help="Comma-separated question ids.")]
