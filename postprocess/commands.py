"""`culturepark samples …`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.postprocess.annotate.commands import annotate_app
from culturepark.postprocess.audit_commands import audit_samples, map_opinions
from culturepark.postprocess.options import Culture, Question, named, named_questions, source_of
from culturepark.postprocess.removal_commands import remove_question
from culturepark.runtime.console import JsonFlag, note, print_json, print_table, say
from culturepark.runtime.run_folder import QUICKSTART, Run, reading

if TYPE_CHECKING:
    from culturepark.postprocess.sample import Sample
    from culturepark.runtime.store import Store

samples_app = typer.Typer(help="Distinct, verified samples and where they came from.", no_args_is_help=True)
samples_app.add_typer(annotate_app, name="annotate")
samples_app.command("remove")(remove_question)
samples_app.command("audit")(audit_samples)
samples_app.command("map")(map_opinions)


@samples_app.command("list")
def list_samples(
    *, run: Run = QUICKSTART, culture: Culture = None, question: Question = None, as_json: JsonFlag = False
) -> None:
    """List the samples of a run."""
    from culturepark.postprocess.annotate.report import standing
    from culturepark.postprocess.tables import load_opinions

    with reading(run) as store:
        samples = _selected(store, run, culture, question)
        judge = standing(store, load_opinions(store))
    if as_json:
        keys = {"id", "culture", "country", "question", "language", "text", "talk", "turn", "quote", "mass", "stance"}
        print_json([{**one.model_dump(mode="json", include=keys), "judge": judge.words} for one in samples])
        return
    rows = [
        (sample.id, sample.culture, sample.country, sample.question, sample.mass, sample.text) for sample in samples
    ]
    print_table(("sample", "culture", "country", "question", "mass", "text"), rows)
    if judge.judge is not None:
        note(f"judge {judge.judge}: {judge.words}")


@samples_app.command("explain")
def explain_sample(
    sample: Annotated[str | None, typer.Argument(help="Id, or its beginning; without it, all samples.")] = None,
    *,
    run: Run = QUICKSTART,
    turn: Annotated[
        str | None, typer.Option("--turn", help="TALK:INDEX: walk forward, from an utterance to its samples.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Walk a sample back to the survey counts it came from, or an utterance forward to its samples."""
    from culturepark.postprocess.explain import explain, explanation_text
    from culturepark.postprocess.tables import find_sample, load_samples
    from culturepark.postprocess.trace import trace, trace_text
    from culturepark.runtime.errors import CultureParkError

    if sample is not None and turn is not None:
        raise CultureParkError("a sample is walked back, and --turn walks forward; give one of them")
    with reading(run) as store:
        if turn is not None:
            forward = trace(store, turn)
            if as_json:
                print_json(forward.model_dump(mode="json"))
            else:
                say(trace_text(forward))
            return
        chosen = load_samples(store) if sample is None else [find_sample(store, sample)]
        found = explain(store, chosen, source=source_of(run)) if chosen else []
    if as_json:
        documents = [one.model_dump(mode="json") for one in found]
        print_json(documents if sample is None else documents[0])
        return
    say("\n\n".join(explanation_text(one) for one in found) if found else f"{run}: no samples yet")


@samples_app.command("export")
def export(
    out: Annotated[Path, typer.Option("--out", help="File to write; a folder for hf.")],
    *,
    form: Annotated[
        str,
        typer.Option(
            "--format", help="openai (chat JSONL, and NAME.meta.jsonl), sharegpt, parquet, hf (dataset folder) or csv."
        ),
    ] = "openai",
    run: Run = QUICKSTART,
    culture: Culture = None,
    question: Question = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export in the folder.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write samples to a file or folder, each row saying that it is synthetic and what stands behind it."""
    from culturepark.postprocess.card import about_run, card_text
    from culturepark.postprocess.columns import row_facts
    from culturepark.postprocess.export import export_samples

    with reading(run) as store:
        samples = _selected(store, run, culture, question)
        facts = row_facts(sorted({sample.question for sample in samples}), source_of(run)) if samples else {}
        card = card_text(samples, facts, about_run(store, samples), folder=out.resolve().name) if form == "hf" else ""
    export_samples(samples, out, form=form, facts=facts, card=card, force=force)
    if as_json:
        print_json({"out": str(out), "format": form, "samples": len(samples)})
        return
    say(f"{len(samples)} samples -> {out}")


def _selected(store: "Store", run: Path, culture: str | None, question: str | None) -> "list[Sample]":
    from culturepark.postprocess.tables import load_samples

    return load_samples(store, cultures=named(culture), questions=named_questions(question, run))
