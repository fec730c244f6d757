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
    from culturepark.simulation.diff_text import Line


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
    from culturepark.protocols.arguments import parse_arguments
    from culturepark.runtime.engines.local import run_to_end
    from culturepark.runtime.ledger import Tally
    from culturepark.runtime.progress import show_progress
    from culturepark.runtime.store import only_writer
    from culturepark.simulation.forking import ForkWishes, hold_fork, wish_fork
    from culturepark.simulation.talks import find_transcript, load_transcripts

    wishes = ForkWishes(
        at=at,
        protocol=protocol,
        protocol_args=parse_arguments(protocol_arg or []),
        personas=pairs(persona, option="--persona"),
        model=model,
        base_url=base_url,
        say=say_instead,
    )
    with reading(run) as store, only_writer(run):
        parent = find_transcript(store, talk)
        planned = wish_fork(store, parent, wishes)
        tally = Tally()
        with stoppable("what was said is saved; the same command goes on from there"), show_progress(tally) as progress:
            run_to_end(hold_fork(store, planned, tally=tally, progress=progress))
        (held,) = load_transcripts(store, ids=[planned.fork.id])
        sent = tally.sent
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
