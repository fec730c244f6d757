"""`culturepark transcripts …`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, print_json, print_table, say

if TYPE_CHECKING:
    from culturepark.simulation.annotations import Annotation
    from culturepark.simulation.transcript import Transcript

transcripts_app = typer.Typer(help="Talks as they were held.", no_args_is_help=True)
Run = Annotated[Path, typer.Option("--run", help="Run folder.")]
Culture = Annotated[str | None, typer.Option("--culture", help="Comma-separated ids of delegates' cultures.")]
Question = Annotated[str | None, typer.Option("--question", help="Comma-separated question ids.")]
QUICKSTART = Path("runs/quickstart")


@transcripts_app.command("list")
def list_transcripts(
    *, run: Run = QUICKSTART, culture: Culture = None, question: Question = None, as_json: JsonFlag = False
) -> None:
    """List the talks of a run."""
    talks = _selected(run, culture, question)
    if as_json:
        print_json([_summary(talk) for talk in talks])
        return
    rows = [
        (
            talk.id,
            "+".join(seat.culture.id for seat in talk.seats if seat.role == "delegate"),
            talk.question.id,
            talk.question.topic,
            talk.protocol.name,
            talk.language,
            len(talk.turns),
            sum(bool(turn.flags) for turn in talk.turns),
            talk.status,
        )
        for talk in talks
    ]
    print_table(("talk", "culture", "question", "topic", "protocol", "language", "turns", "flagged", "status"), rows)


@transcripts_app.command("show")
def show_transcript(
    talk: Annotated[str | None, typer.Argument(help="Id, or its beginning; without it, all talks.")] = None,
    *,
    run: Run = QUICKSTART,
    cues: Annotated[bool, typer.Option("--cues", help="Show what the moderator whispered.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show who said what, with each speaker's stance."""
    from culturepark.runtime.store import open_store
    from culturepark.simulation.annotations import load_annotations
    from culturepark.simulation.talks import find_transcript, load_transcripts

    store = open_store(run, create=False)
    try:
        talks = load_transcripts(store) if talk is None else [find_transcript(store, talk)]
        found = {one.id: load_annotations(store, one.id) for one in talks}
    finally:
        store.close()
    if as_json:
        documents = [one.model_dump(mode="json") for one in talks]
        print_json(documents if talk is None else documents[0])
        return
    say("\n\n".join(_text(one, found[one.id], cues=cues) for one in talks))


@transcripts_app.command("export")
def export_transcripts(
    out: Annotated[Path, typer.Option("--out", help="JSONL file to write, one transcript a line.")],
    *,
    run: Run = QUICKSTART,
    culture: Culture = None,
    question: Question = None,
) -> None:
    """Write talks to a file in the versioned transcript format."""
    from culturepark.runtime.errors import CultureParkError

    talks = _selected(run, culture, question)
    partial = out.with_name(f".{out.name}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            for talk in talks:
                file.write(talk.model_dump_json() + "\n")
        partial.replace(out)
    except OSError as error:
        raise CultureParkError(f"{out}: cannot be written ({error.strerror}); choose another --out") from None
    say(f"{len(talks)} talks -> {out}")


def _selected(run: Path, culture: str | None, question: str | None) -> "list[Transcript]":
    """The talks of a run, of some cultures and questions if given."""
    from culturepark.runtime.store import open_store
    from culturepark.simulation.talks import load_transcripts

    store = open_store(run, create=False)
    try:
        talks = load_transcripts(store)
    finally:
        store.close()
    cultures = set(culture.split(",")) if culture else None
    questions = set(question.split(",")) if question else None
    return [
        talk
        for talk in talks
        if (cultures is None or cultures & {seat.culture.id for seat in talk.seats if seat.role == "delegate"})
        and (questions is None or questions & {talk.question.id, talk.question.id.partition(":")[2]})
    ]


def _summary(talk: "Transcript") -> dict[str, object]:
    return {
        "id": talk.id,
        "question": talk.question.id,
        "cultures": [seat.culture.id for seat in talk.seats if seat.role == "delegate"],
        "protocol": talk.protocol.name,
        "language": talk.language,
        "model": talk.model,
        "turns": len(talk.turns),
        "flagged": sum(bool(turn.flags) for turn in talk.turns),
        "stance_distance": talk.stance_distance,
        "status": talk.status,
        "reason": talk.reason,
    }


def _text(talk: "Transcript", found: "Mapping[int, Sequence[Annotation]]", *, cues: bool) -> str:
    from culturepark.personas.language import SEVERAL
    from culturepark.simulation.annotations import AGAINST_STANCE

    facts = ", ".join((talk.question.id, talk.protocol.name, talk.language, talk.status))
    lines = [f"talk {talk.id}  ({facts})", *talk.question.text.values()]
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
