"""`culturepark transcripts verify|fork|diff`: talks held again, held otherwise, and compared."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, note, plain, print_json, print_table, say
from culturepark.simulation.options import (
    QUICKSTART,
    BaseUrl,
    Culture,
    Limit,
    Model,
    Protocol,
    Question,
    Run,
    Status,
    Talk,
    pairs,
    reading,
)

if TYPE_CHECKING:
    from culturepark.protocols.catalogue import LoadedProtocol
    from culturepark.runtime.store import Store
    from culturepark.simulation.diff_text import Line
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
            with _stoppable("nothing was written; the same command begins again"):
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


def fork_talk(
    talk: Talk,
    at: Annotated[
        int, typer.Option("--at", help="Index of the first turn that is new; with --say, of the edited one.")
    ],
    *,
    run: Run = QUICKSTART,
    protocol: Annotated[str | None, typer.Option(help="Who speaks from there on; a name or ./file.py:Class.")] = None,
    protocol_arg: Annotated[list[str] | None, typer.Option(help="key=value; may be repeated.")] = None,
    persona: Annotated[
        list[str] | None, typer.Option(help="old=new: another persona takes the seat; may be repeated.")
    ] = None,
    model: Model = None,
    base_url: BaseUrl = None,
    say_instead: Annotated[str | None, typer.Option("--say", help="What is said at that turn instead.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Go another way from a turn on. What comes before is shared, and never asked for again."""
    from culturepark.runtime.store import only_writer
    from culturepark.simulation.saved import load_saved
    from culturepark.simulation.talks import find_transcript, load_transcripts

    with reading(run) as store:
        study = load_saved(run, model=model)
        parent = find_transcript(store, talk)
        with only_writer(run):
            loaded = _protocol(parent, protocol, protocol_arg)
            work = _fork(
                store,
                study,
                parent,
                at,
                loaded,
                swaps=pairs(persona, option="--persona"),
                model=model,
                base_url=base_url,
                say_instead=say_instead,
            )
            with _stoppable("what was said is saved; the same command goes on from there"):
                fork, sent = asyncio.run(work)
            (held,) = load_transcripts(store, ids=[fork])
    if as_json:
        print_json({**held.model_dump(mode="json"), "requests_sent": sent})
    else:
        say(
            f"talk {held.id}: {len(held.turns)} turns, {held.own_from} of them shared with {parent.id} or edited; "
            f"{sent} requests sent ({held.status})"
        )
        say(f"read on: culturepark transcripts diff {parent.id} {held.id} --run {run}")
    if held.status == "failed":
        note(f"failed: {held.reason}; the same command goes on from there")
        raise typer.Exit(code=1)


def diff_talk(
    a: Talk,
    b: Talk,
    *,
    run: Run = QUICKSTART,
    html: Annotated[Path | None, typer.Option("--html", help="Write one HTML file that needs no network.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare two talks: turns, words, whispers, stances, and the opinions found in them."""
    from culturepark.simulation.annotations import load_annotations
    from culturepark.simulation.diff import diff_talks
    from culturepark.simulation.diff_html import diff_html
    from culturepark.simulation.diff_text import diff_lines, marked
    from culturepark.simulation.exchange import write_whole
    from culturepark.simulation.talks import find_transcript

    with reading(run) as store:
        one, other = find_transcript(store, a), find_transcript(store, b)
        found = diff_talks(
            one, other, found_a=load_annotations(store, one.id), found_b=load_annotations(store, other.id)
        )
    if html is not None:
        write_whole(html, diff_html(found), option="--html")
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    if sys.stdout.isatty():
        _print_coloured(diff_lines(found))
    else:
        for line in diff_lines(found):
            say(plain(marked(line)))
    if html is not None:
        say(f"-> {html}")


def _print_coloured(lines: "Sequence[Line]") -> None:
    from rich.console import Console
    from rich.text import Text

    styles = {"both": "", "a": "red strike", "b": "green"}
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        text = Text(style="dim" if line.dim else "")
        for piece in line.pieces:
            text.append(plain(piece.text), style=styles[piece.op])
        console.print(text)


@contextmanager
def _stoppable(goes_on: str) -> "Iterator[None]":
    """End as the other commands do when a budget is spent or the user interrupts."""
    from culturepark.runtime.errors import BudgetSpentError

    try:
        yield
    except KeyboardInterrupt:
        note(f"interrupted: {goes_on}")
        raise typer.Exit(code=130) from None
    except BudgetSpentError as error:
        note(f"stopped: {error}")
        raise typer.Exit(code=1) from None


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
    async with open_model(spec, base_url=address) as opened:
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


def _protocol(parent: "Transcript", name: str | None, given: list[str] | None) -> "LoadedProtocol":
    """The protocol to go on with: another one, or the parent's with other arguments."""
    from culturepark.protocols import load_protocol
    from culturepark.runtime.errors import CultureParkError
    from culturepark.runtime.record import parse_yaml
    from culturepark.simulation.transcript import IMPORTED

    args = {
        key: parse_yaml(value, place=f"--protocol-arg {key}")
        for key, value in pairs(given, option="--protocol-arg").items()
    }
    if name is not None:
        return load_protocol(name, args)
    if parent.protocol.name == IMPORTED:
        raise CultureParkError(f"talk {parent.id} was imported, so nothing says who speaks next; add --protocol NAME")
    return load_protocol(parent.protocol.name, {**parent.protocol.args, **args})


async def _fork(
    store: "Store",
    study: "SavedStudy",
    parent: "Transcript",
    at: int,
    protocol: "LoadedProtocol",
    *,
    swaps: dict[str, str],
    model: str | None,
    base_url: str | None,
    say_instead: str | None,
) -> tuple[str, int]:
    """Write the fork down and hold what is new of it; returns its id and how many requests were sent."""
    from culturepark.personas import load_roster, load_survey
    from culturepark.runtime.budget import Budget
    from culturepark.runtime.ledger import Ledger, Tally, spent_before
    from culturepark.runtime.models.opening import open_model
    from culturepark.runtime.progress import show_progress
    from culturepark.simulation.fork import plan_fork, swapped_seats
    from culturepark.simulation.run import simulate
    from culturepark.simulation.saved import model_to_ask
    from culturepark.simulation.talks import add_talks, position_of, statuses

    roster = load_roster([Path(folder) for folder in study.persona_folders])
    seats = swapped_seats(parent, swaps, roster, load_survey(study.simulate.source))
    spec, address = model_to_ask(study, parent.model, model=model, base_url=base_url)
    sampling = study.simulate.sampling
    fork = plan_fork(
        parent, at=at, protocol=protocol, model=spec.identity, sampling=sampling, swaps=seats, say=say_instead
    )
    tally = Tally()
    async with open_model(spec, base_url=address) as opened:
        budget = Budget(study.budget, spent=spent_before(store))
        ledger = Ledger(store, opened.endpoint, budget=budget, limits=study.limits, tally=tally)
        if not statuses(store, [fork.id]):
            add_talks(store, [fork], position=position_of(store, parent.id))
        with show_progress(tally) as progress:
            await simulate(
                store, ledger, [fork], protocol.protocol, sampling=sampling, concurrency=1, progress=progress
            )
    return fork.id, tally.sent


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
