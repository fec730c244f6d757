"""`culturepark transcripts …`: talks shown, played, written out and read in."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, note, plain, print_json, print_json_lines, print_table, say
from culturepark.runtime.run_folder import QUICKSTART, Run, reading
from culturepark.simulation.fork_commands import diff_talk, fork_talk
from culturepark.simulation.options import (
    Culture,
    Limit,
    Protocol,
    Question,
    Status,
    Talk,
    pairs,
)
from culturepark.simulation.verify_commands import verify_talks

if TYPE_CHECKING:
    from culturepark.simulation.annotations import Annotation
    from culturepark.simulation.replay import Line
    from culturepark.simulation.selection import Selection
    from culturepark.simulation.transcript import Transcript

transcripts_app = typer.Typer(help="Talks as they were held.", no_args_is_help=True)
transcripts_app.command("verify")(verify_talks)
transcripts_app.command("fork")(fork_talk)
transcripts_app.command("diff")(diff_talk)
STYLES = {"title": "bold", "seat": "", "cue": "dim", "speaker": "bold cyan", "text": "", "end": "dim"}


@transcripts_app.command("list")
def list_transcripts(
    *,
    run: Run = QUICKSTART,
    culture: Culture = None,
    question: Question = None,
    protocol: Protocol = None,
    status: Status = None,
    limit: Limit = None,
    as_json: JsonFlag = False,
) -> None:
    """List the talks of a run."""
    from culturepark.simulation.lines import COLUMNS, list_talks

    with reading(run) as store:
        lines = list_talks(store, _selection(culture, question, protocol, status, limit))
        if as_json:
            print_json_lines(line.document for line in lines)
        else:
            print_table(COLUMNS, (line.cells for line in lines))


@transcripts_app.command("show")
def show_transcript(
    talk: Annotated[str | None, typer.Argument(help="Id, or its beginning; without it, all talks.")] = None,
    *,
    run: Run = QUICKSTART,
    culture: Culture = None,
    question: Question = None,
    protocol: Protocol = None,
    status: Status = None,
    limit: Limit = None,
    cues: Annotated[bool, typer.Option("--cues", help="Show what the moderator whispered.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show who said what, with each speaker's stance."""
    from culturepark.simulation.annotations import load_annotations
    from culturepark.simulation.talks import find_transcript, load_transcripts

    selection = _selection(culture, question, protocol, status, limit)
    with reading(run) as store:
        talks = selection.of(load_transcripts(store)) if talk is None else [find_transcript(store, talk)]
        found = {one.id: load_annotations(store, one.id) for one in talks}
    if as_json:
        documents = [one.model_dump(mode="json") for one in talks]
        print_json(documents if talk is None else documents[0])
        return
    say("\n\n".join(_text(one, found[one.id], cues=cues) for one in talks))


@transcripts_app.command("replay")
def replay(
    talk: Talk,
    *,
    run: Run = QUICKSTART,
    speed: Annotated[
        float | None,
        typer.Option(min=0, help="1 is the pace of reading along, 2 twice that, 0 at once; 0 when piped."),
    ] = None,
    step: Annotated[
        bool, typer.Option("--step", help="Wait for a key after each turn: enter goes on, q ends.")
    ] = False,
    cues: Annotated[bool, typer.Option(help="Show what the moderator whispered.")] = True,
) -> None:
    """Play a talk in the terminal."""
    import sys
    import time

    from culturepark.simulation.replay import next_or_quit, play
    from culturepark.simulation.talks import find_transcript

    with reading(run) as store:
        found = find_transcript(store, talk)
    terminal = sys.stdout.isatty()
    pace = float(terminal) if speed is None else speed

    def wait(seconds: float) -> None:
        if pace:
            time.sleep(seconds / pace)

    if step and terminal:
        note("enter: next turn   q: end")
    show = _styled if terminal else _plain_line
    try:
        play(found, cues=cues, show=show, wait=wait, ask=next_or_quit if step else None)
    except KeyboardInterrupt:
        raise typer.Exit(code=130) from None


@transcripts_app.command("export")
def export_transcripts(
    out: Annotated[Path, typer.Option("--out", help="JSONL file to write, one transcript a line.")],
    *,
    run: Run = QUICKSTART,
    culture: Culture = None,
    question: Question = None,
    protocol: Protocol = None,
    status: Status = None,
    limit: Limit = None,
    as_json: JsonFlag = False,
) -> None:
    """Write talks to a file in the versioned transcript format."""
    from culturepark.simulation.exchange import write_talks

    talks = _selected(run, _selection(culture, question, protocol, status, limit))
    write_talks(talks, out)
    if as_json:
        print_json({"out": str(out), "talks": [talk.id for talk in talks]})
        return
    say(f"{len(talks)} talks -> {out}")


@transcripts_app.command("import")
def import_transcripts(
    file: Annotated[
        Path, typer.Argument(help="JSONL or JSON: our transcripts, [{speaker, text}], ShareGPT, messages.")
    ],
    *,
    run: Annotated[Path, typer.Option("--run", help="Run folder; made if need be.")],
    seat: Annotated[
        list[str] | None,
        typer.Option(help="Who a speaker is: 'Anna=german_sophia' or 'Anna=german:female'; may be repeated."),
    ] = None,
    question: Annotated[str | None, typer.Option(help="Survey question the talks are about, e.g. wvs7:Q27.")] = None,
    stance: Annotated[
        list[str] | None, typer.Option(help="Answer a speaker holds, as its code: 'Anna=2'; may be repeated.")
    ] = None,
    main_contact: Annotated[str | None, typer.Option(help="Speaker who leads; each talk's first by default.")] = None,
    language: Annotated[str, typer.Option(help="BCP 47 of the talks.")] = "en",
    source: Annotated[str, typer.Option(help="Survey of the question.")] = "wvs7",
    personas: Annotated[list[Path] | None, typer.Option(help="Folder of your own culture files.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Read talks from a file into a run: exported ones, or other people's."""
    from culturepark.personas import load_roster, load_survey
    from culturepark.runtime.store import only_writer, open_store
    from culturepark.simulation.exchange import import_talks
    from culturepark.simulation.imports import Casting, read_talks

    survey = load_survey(source)
    casting = Casting(
        roster=load_roster(personas or []),
        survey=survey,
        question=survey.question(question) if question else None,
        language=language,
        seats=pairs(seat, option="--seat"),
        stances=_codes(pairs(stance, option="--stance")),
        main_contact=main_contact,
    )
    talks = read_talks(file, casting)
    with only_writer(run):
        store = open_store(run)
        try:
            done = import_talks(store, talks)
        finally:
            store.close()
    if as_json:
        print_json({"run": str(run), "added": list(done.added), "known": list(done.known)})
        return
    known = f", {len(done.known)} were there already" if done.known else ""
    say(f"{len(done.added)} talks -> {run}{known}")


@transcripts_app.command("schema")
def schema() -> None:
    """Print the JSON schema of an exported transcript (docs/transcript.schema.json)."""
    from culturepark.simulation.exchange import transcript_schema

    say(json.dumps(transcript_schema(), ensure_ascii=False, indent=2))


def _codes(given: Mapping[str, str]) -> dict[str, int]:
    from culturepark.runtime.errors import CultureParkError

    for speaker, code in given.items():
        if not code.isascii() or not code.isdigit():
            raise CultureParkError(
                f"--stance {speaker}={code}: {code!r} is not the code of an answer, e.g. {speaker}=2"
            )
    return {speaker: int(code) for speaker, code in given.items()}


def _selection(
    culture: str | None, question: str | None, protocol: str | None, status: str | None, limit: int | None
) -> "Selection":
    from culturepark.simulation.selection import Selection

    return Selection(culture, question, protocol, status, limit)


def _selected(run: Path, selection: "Selection") -> "list[Transcript]":
    """The talks of a run that fit."""
    from culturepark.simulation.talks import load_transcripts

    with reading(run) as store:
        return selection.of(load_transcripts(store))


def _styled(line: "Line") -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    words = line.text.lstrip()
    text = Text(plain(words), style=STYLES[line.kind])
    Console(highlight=False).print(Padding(text, (0, 0, 0, len(line.text) - len(words))))


def _plain_line(line: "Line") -> None:
    say(plain(line.text))


def _text(talk: "Transcript", found: "Mapping[int, Sequence[Annotation]]", *, cues: bool) -> str:
    from culturepark.personas.language import SEVERAL
    from culturepark.simulation.annotations import AGAINST_STANCE

    about = talk.question.id if talk.question else "no question"
    lines = [f"talk {talk.id}  ({about}, {talk.protocol.name}, {talk.language}, {talk.status})"]
    if talk.parent is not None:
        lines.append(f"fork of {talk.parent.id} at turn {talk.parent.turn}: {_edits(talk)}")
    if talk.question is not None:
        lines += talk.question.text.values()
    for seat in talk.seats:
        stance = seat.stance
        held = f"{stance.words} ({stance.standing})" if stance else "no stance"
        speaks = f", speaks {seat.language}" if talk.language == SEVERAL else ""
        lines.append(f"  {seat.name}, {seat.culture.country_name}{speaks}: {held}")
    for turn in talk.turns:
        if cues and turn.cue is not None:
            lines.append(f"    (moderator: {turn.cue.guidance})")
        if cues and turn.note is not None:
            lines.append(f"    (protocol: {turn.note})")
        marks: list[str] = [*turn.flags]
        if any(annotation.label == AGAINST_STANCE for annotation in found.get(turn.index, ())):
            marks.append("against own stance")
        marked = f"   [{', '.join(marks)}]" if marks else ""
        lines.append(f"{turn.index:>3} {talk.seat(turn.speaker).name}: {turn.text}{marked}")
    if talk.reason:
        lines.append(f"failed: {talk.reason}")
    return "\n".join(lines)


def _edits(talk: "Transcript") -> str:
    """What a fork does otherwise, in words."""
    assert talk.parent is not None
    edits = talk.parent.edits
    said = [f"protocol {edits.protocol.name}" if edits.protocol else ""]
    said += [f"{new} for {old}" for old, new in edits.personas.items()]
    said += [f"model {edits.model}" if edits.model else "", "another utterance" if edits.say is not None else ""]
    return ", ".join(part for part in said if part) or "nothing changed"
