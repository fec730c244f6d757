"""`culturepark transcripts fork|diff`: talks that go another way, and what came of it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, note, plain, print_json, say
from culturepark.runtime.run_folder import QUICKSTART, Run, reading, stoppable
from culturepark.simulation.options import BaseUrl, Model, Talk, pairs

if TYPE_CHECKING:
    from culturepark.protocols.catalogue import LoadedProtocol
    from culturepark.runtime.store import Store
    from culturepark.simulation.diff_text import Line
    from culturepark.simulation.saved import SavedStudy
    from culturepark.simulation.transcript import Transcript


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
    from culturepark.runtime.engine import run_to_end
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
            with stoppable("what was said is saved; the same command goes on from there"):
                fork, sent = run_to_end(work)
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
    async with open_model(spec, base_url=address, timeout=study.limits.timeout) as opened:
        budget = Budget(study.budget, spent=spent_before(store))
        ledger = Ledger(store, opened.endpoint, budget=budget, limits=study.limits, tally=tally, tell=note)
        if not statuses(store, [fork.id]):
            add_talks(store, [fork], position=position_of(store, parent.id))
        with show_progress(tally) as progress:
            await simulate(
                store, ledger, [fork], protocol.protocol, sampling=sampling, concurrency=1, progress=progress
            )
    return fork.id, tally.sent
