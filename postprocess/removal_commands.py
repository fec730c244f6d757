"""`culturepark samples remove`: a survey question leaves a run, and everything made from it."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, note, print_json, print_table, say
from culturepark.runtime.run_folder import QUICKSTART, Run, writing

if TYPE_CHECKING:
    from culturepark.postprocess.removal import Removal


def remove_question(
    question: Annotated[str, typer.Option("--question", help="Survey question, e.g. wvs7:Q27.")],
    *,
    country: Annotated[
        str | None, typer.Option("--country", help="Only what rests on this country's answers (ISO alpha-3).")
    ] = None,
    run: Run = QUICKSTART,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Remove a survey question, or a country's answers to it, and everything derived from it."""
    from culturepark.personas.surveys.survey import load_survey
    from culturepark.postprocess.removal import chosen, plan_removal, remove
    from culturepark.runtime.errors import CultureParkError
    from culturepark.runtime.store import DATABASE
    from culturepark.simulation.saved import SAVED, load_saved

    gone = True
    with writing(run) as store:
        source = load_saved(run).simulate.source if (run / SAVED).exists() else "wvs7"
        exclusion = chosen(store, question, country, survey=load_survey(source))
        planned = plan_removal(store, exclusion)
        if not as_json:
            _print(planned, exclusion.words)
        if not dry_run:
            if not yes and (as_json or not sys.stdin.isatty()):
                raise CultureParkError("nothing was removed: this cannot be undone, so it needs --yes")
            if not yes and not typer.confirm("Remove all this for good?", err=True):
                say("nothing was removed")
                raise typer.Exit(code=1)
            gone = remove(store, exclusion)
    if as_json:
        print_json({**planned.model_dump(mode="json"), "removed": not dry_run})
    elif not dry_run:
        say(
            f"removed; no later run in {run} uses {exclusion.words}. Files exported before are not touched. "
            f"`culturepark refine --run {run}` counts and merges anew what is left"
        )
    if not gone:
        note(
            f"another process is reading {run / DATABASE}, so removed texts still stand in it or in {DATABASE}-wal; "
            "when it has ended, run the same command again, which takes them out"
        )
        raise typer.Exit(code=1)


def _print(planned: "Removal", words: str) -> None:
    if planned.again:
        say(f"{words} was removed from this run before")
    rows = [(line.what, line.removed, line.kept, line.why) for line in planned.lines]
    print_table((f"derived from {words}", "to remove", "stays", "why it stays"), rows)
