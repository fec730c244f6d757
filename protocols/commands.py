"""`culturepark protocols …`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from culturepark.runtime.console import JsonFlag, note, print_json, print_table, say

if TYPE_CHECKING:
    from culturepark.protocols.trial import Step

protocols_app = typer.Typer(help="Who speaks next, and what the moderator whispers.", no_args_is_help=True)
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A name from `protocols list`, ./script.yaml, or ./file.py:Class.")
]
Arguments = Annotated[list[str] | None, typer.Option("--protocol-arg", help="key=value; may be repeated.")]


@protocols_app.command("list")
def list_protocols(*, as_json: JsonFlag = False) -> None:
    """List the protocols with their arguments: the shipped ones, and those of installed packages."""
    from culturepark.protocols.catalogue import list_protocols as found_protocols

    rows = [(found.name, found.kind, found.arguments, found.what) for found in found_protocols()]
    columns = ("protocol", "kind", "arguments", "what")
    if as_json:
        print_json([dict(zip(("name", *columns[1:]), row, strict=True)) for row in rows])
        return
    print_table(columns, rows)


@protocols_app.command("show")
def show_protocol(name: Name, *, as_json: JsonFlag = False) -> None:
    """Show a protocol's source, to read or to start your own from."""
    import inspect

    from culturepark.protocols.catalogue import find_protocol

    found = find_protocol(name)
    if as_json:
        print_json(
            {
                "name": name,
                "kind": found.kind,
                "arguments": found.arguments,
                "sha256": found.sha256,
                "what": inspect.getdoc(found.factory),
                "source": found.source,
            }
        )
        return
    say(found.source.rstrip("\n"))


@protocols_app.command("try")
def try_protocol(
    name: Name,
    *,
    seats: Annotated[int, typer.Option(min=2, max=9, help="How many sit there, the main contact among them.")] = 2,
    protocol_arg: Arguments = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many turns.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Language everybody speaks, e.g. tr; English by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Drive a protocol without a model and show its cues: who speaks, and what is whispered."""
    import asyncio

    from culturepark.protocols.arguments import parse_arguments
    from culturepark.protocols.catalogue import load_protocol
    from culturepark.protocols.trial import drive, echo, naming, trial_cast

    loaded = load_protocol(name, parse_arguments(protocol_arg or []))
    cast = trial_cast(seats, language=language)
    scene = cast.scene(asker=naming(cast.seats))
    steps, ended = asyncio.run(drive(loaded.protocol, scene, say=echo, limit=limit))
    if as_json:
        print_json(
            {"protocol": name, "args": loaded.args, "seats": seats, "ended": ended, "turns": list(map(_plain, steps))}
        )
        return
    columns = ("turn", "speaker", "role", "heard by", "guidance")
    noted = any(step.turn.asks or step.cue.note for step in steps)
    print_table((*columns, "asked") if noted else columns, [_row(step, asked=noted) for step in steps])
    note(f"{len(steps)} turns; " + ("the protocol ended the talk" if ended else f"stopped at --limit {limit}"))


@protocols_app.command("check")
def check_protocol(name: Name, *, protocol_arg: Arguments = None, as_json: JsonFlag = False) -> None:
    """Check that a protocol keeps its promises, with 2, 3 and 5 seats and every kind of cast. Needs no model."""
    from culturepark.protocols import conformance
    from culturepark.protocols.arguments import parse_arguments
    from culturepark.protocols.catalogue import find_protocol
    from culturepark.protocols.processes import check_processes

    pairs = protocol_arg or []
    found, args = find_protocol(name), parse_arguments(pairs)
    found.make(args)
    report = conformance.check_protocol(lambda: found.make(args))
    conforms_here = report.conforms
    if conforms_here:
        report = report.model_copy(update={"broken": tuple(check_processes(name, pairs))})
    broken = {key: [one for one in report.broken if one.check == key] for key in conformance.CHECKS}
    tried = {key: conforms_here or key != "everywhere" for key in conformance.CHECKS}
    if as_json:
        checks = [
            {
                "check": key,
                "promise": promise,
                "passed": not broken[key] if tried[key] else None,
                "broken": [one.model_dump() for one in broken[key]],
            }
            for key, promise in conformance.CHECKS.items()
        ]
        print_json({"protocol": name, "conforms": report.conforms, "talks": report.talks, "checks": checks})
    else:
        # A trial that was cut short by one fault cannot vouch for the rest.
        kept = "ok" if conforms_here else "no fault seen"
        rows: list[tuple[object, ...]] = []
        for key, promise in conformance.CHECKS.items():
            unbroken = (key, kept if tried[key] else "not tried", None, None, promise)
            rows += [(key, "FAILED", one.cast, one.turn, one.why) for one in broken[key]] or [unbroken]
        print_table(("check", "result", "with", "turn", "why"), rows)
        note(f"{report.talks} trial talks, {report.turns} turns, no model")
    if not report.conforms:
        raise typer.Exit(code=1)


def _row(step: "Step", *, asked: bool) -> tuple[object, ...]:
    cue, turn = step.cue, step.turn
    heard = None if cue.guidance is None else "the speaker" if cue.private else "all"
    row = (turn.index, cue.speaker.id, cue.speaker.role, heard, cue.guidance)
    if not asked:
        return row
    answers = [f"model: {ask.answer}" for ask in turn.asks]
    return (*row, "; ".join([*answers, *([cue.note] if cue.note else [])]) or None)


def _plain(step: "Step") -> dict[str, Any]:
    cue = step.cue
    return {
        "turn": step.turn.index,
        "speaker": cue.speaker.id,
        "role": cue.speaker.role,
        "private": cue.private,
        "guidance": cue.guidance,
        "note": cue.note,
        "asks": [ask.model_dump() for ask in step.turn.asks],
    }
