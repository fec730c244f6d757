"""`culturepark transcripts verify`: talks held again, or their prompts sent again."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, print_json, print_table, say
from culturepark.runtime.run_folder import QUICKSTART, Run, reading, stoppable
from culturepark.simulation.options import (
    BaseUrl,
    Culture,
    Limit,
    Model,
    Protocol,
    Question,
    Status,
)

if TYPE_CHECKING:
    from culturepark.runtime.store import Store
    from culturepark.simulation.live import Moved
    from culturepark.simulation.saved import SavedStudy
    from culturepark.simulation.transcript import Transcript
    from culturepark.simulation.verify import Verification


def verify_talks(
    talk: Annotated[str | None, typer.Argument(help="Id of a talk, or its beginning.")] = None,
    *,
    all_talks: Annotated[
        bool, typer.Option("--all", help="Every talk of the run, or those the options select.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Send the recorded prompts again, and compare the replies.")
    ] = False,
    model: Model = None,
    base_url: BaseUrl = None,
    run: Run = QUICKSTART,
    culture: Culture = None,
    question: Question = None,
    protocol: Protocol = None,
    status: Status = None,
    limit: Limit = None,
    as_json: JsonFlag = False,
) -> None:
    """Hold talks again from the ledger with the model off, and say where and why they come out otherwise.

    Exit code 1 when one does. With --live, the recorded prompts are sent instead, and the replies compared.
    """
    from culturepark.runtime.errors import CultureParkError
    from culturepark.simulation.saved import load_saved
    from culturepark.simulation.selection import Selection
    from culturepark.simulation.talks import find_transcript, load_transcripts

    if (talk is None) != all_talks:
        raise CultureParkError("say which talk, or --all")
    if not live and (model or base_url):
        raise CultureParkError("--model and --base-url are for --live: the ledger alone answers otherwise")
    with reading(run) as store:
        selection = Selection(culture, question, protocol, status, limit)
        chosen = [find_transcript(store, talk)] if talk is not None else selection.of(load_transcripts(store))
        if live:
            with stoppable("nothing was written; the same command begins again"):
                moved = asyncio.run(
                    _ask_again(store, chosen, load_saved(run, model=model), model=model, base_url=base_url)
                )
        else:
            found = asyncio.run(_verify(store, chosen, run))
    if live:
        _report_moved(moved, as_json=as_json)
        return
    if talk is not None and found[0].status == "unverifiable":
        raise CultureParkError(
            f"talk {found[0].talk}: its replies are not in this run's ledger (it was imported), so there is nothing to "
            "hold it against"
        )
    if as_json:
        documents = [one.model_dump(mode="json") for one in found]
        print_json(documents if talk is None else documents[0])
    else:
        _report(found)
    if any(one.status == "diverged" for one in found):
        raise typer.Exit(code=1)


async def _verify(store: "Store", talks: "Sequence[Transcript]", run: Path) -> "list[Verification]":
    from culturepark.simulation.saved import load_saved
    from culturepark.simulation.today import Today
    from culturepark.simulation.verify import is_in_ledger, unverifiable, verify

    held = {talk.id for talk in talks if is_in_ledger(store, talk)}
    # Only forks of imported talks can be held where there is no study; they name their own model.
    model = next((talk.model.partition("@")[0] for talk in talks if talk.id in held), None)
    today = Today(load_saved(run, model=model)) if held else None
    return [
        await verify(store, talk, today) if today is not None and talk.id in held else unverifiable(talk)
        for talk in talks
    ]


async def _ask_again(
    store: "Store", talks: "Sequence[Transcript]", study: "SavedStudy", *, model: str | None, base_url: str | None
) -> "Moved":
    from culturepark.runtime.errors import CultureParkError
    from culturepark.runtime.ledger import Tally
    from culturepark.runtime.models.opening import open_model
    from culturepark.runtime.progress import show_progress
    from culturepark.simulation.live import ask_again
    from culturepark.simulation.saved import model_to_ask

    models = sorted({talk.model for talk in talks})
    if len(models) > 1 and model is None:
        raise CultureParkError(f"these talks are by several models ({', '.join(models)}); say --model, or choose fewer")
    if not models:
        raise CultureParkError("no talk fits these options; `culturepark transcripts list` shows what there is")
    spec, address = model_to_ask(study, models[0], model=model, base_url=base_url)
    tally = Tally()
    async with open_model(spec, base_url=address, timeout=study.limits.timeout) as opened:
        with show_progress(tally) as progress:
            return await ask_again(
                store,
                talks,
                opened.endpoint,
                budget=study.budget,
                limits=study.limits,
                concurrency=min(study.simulate.concurrency, opened.concurrency),
                tally=tally,
                progress=progress,
            )


def _report(found: "Sequence[Verification]") -> None:
    for one in found:
        if one.status == "unverifiable":
            say(f"talk {one.talk}: not in this run's ledger, left out")
            continue
        if one.divergence is None:
            spite = ", though some of its inputs changed" if one.causes else ""
            say(f"talk {one.talk}: holds, {one.turns} turns{spite}")
        else:
            place = one.divergence
            say(f"talk {one.talk}: diverges at turn {place.turn}: {place.what}")
            for line in place.diff:
                say(f"    {line}")
        for cause in one.causes:
            field = "" if cause.field == cause.kind else f" {cause.field}"
            say(f"  changed {cause.kind}:{field} {cause.was!r} -> {cause.now!r}")
    if len(found) != 1:
        counts = {state: sum(one.status == state for one in found) for state in ("holds", "diverged", "unverifiable")}
        say(", ".join(f"{count} {state}" for state, count in counts.items()))


def _report_moved(moved: "Moved", *, as_json: bool) -> None:
    if as_json:
        print_json(moved.model_dump(mode="json"))
        return
    rows = [(one.talk, one.turn, one.speaker, "yes" if one.identical else "no", one.similarity) for one in moved.turns]
    print_table(("talk", "turn", "speaker", "identical", "similarity"), rows)
    if moved.identical is not None and moved.similarity is not None:
        say(
            f"{moved.model}: {100 * moved.identical:.0f} % of {len(moved.turns)} replies are identical, "
            f"mean similarity {moved.similarity:.2f}"
        )
    if moved.left_out:
        say(f"{moved.left_out} turns left out: their prompts are not in this run's ledger")
