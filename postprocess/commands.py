"""`culturepark samples …`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.postprocess.audit_commands import audit_samples, map_opinions
from culturepark.runtime.console import JsonFlag, print_json, print_table, say

if TYPE_CHECKING:
    from culturepark.postprocess.sample import Sample

samples_app = typer.Typer(help="Distinct, verified samples and where they came from.", no_args_is_help=True)
samples_app.command("audit")(audit_samples)
samples_app.command("map")(map_opinions)
Run = Annotated[Path, typer.Option("--run", help="Run folder.")]
Culture = Annotated[str | None, typer.Option("--culture", help="Comma-separated culture ids.")]
Question = Annotated[str | None, typer.Option("--question", help="Comma-separated question ids.")]
QUICKSTART = Path("runs/quickstart")


@samples_app.command("list")
def list_samples(
    *, run: Run = QUICKSTART, culture: Culture = None, question: Question = None, as_json: JsonFlag = False
) -> None:
    """List the samples of a run."""
    samples = _selected(run, culture, question)
    if as_json:
        keys = {"id", "culture", "country", "question", "language", "text", "talk", "turn", "quote", "mass", "stance"}
        print_json([sample.model_dump(mode="json", include=keys) for sample in samples])
        return
    rows = [
        (sample.id, sample.culture, sample.country, sample.question, sample.mass, sample.text) for sample in samples
    ]
    print_table(("sample", "culture", "country", "question", "mass", "text"), rows)


@samples_app.command("explain")
def explain_sample(
    sample: Annotated[str | None, typer.Argument(help="Id, or its beginning; without it, all samples.")] = None,
    *,
    run: Run = QUICKSTART,
    as_json: JsonFlag = False,
) -> None:
    """Walk a sample back to the utterance, the talk, the stance and the survey counts it came from."""
    from culturepark.postprocess.explain import explain, explanation_text
    from culturepark.postprocess.tables import find_sample, load_samples
    from culturepark.runtime.record import read_yaml
    from culturepark.runtime.store import open_store

    store = open_store(run, create=False)
    try:
        source = read_yaml(run / "study.yaml")["simulate"]["source"]
        chosen = load_samples(store) if sample is None else [find_sample(store, sample)]
        found = [explain(store, one, source=source) for one in chosen]
    finally:
        store.close()
    if as_json:
        documents = [one.model_dump(mode="json") for one in found]
        print_json(documents if sample is None else documents[0])
        return
    say("\n\n".join(explanation_text(one) for one in found) if found else f"{run}: no samples yet")


@samples_app.command("export")
def export(
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    *,
    form: Annotated[str, typer.Option("--format", help="openai (chat JSONL) or parquet.")] = "openai",
    run: Run = QUICKSTART,
    culture: Culture = None,
    question: Question = None,
    as_json: JsonFlag = False,
) -> None:
    """Write samples to a file for fine-tuning (openai) or for analysis (parquet)."""
    from culturepark.postprocess.export import export_samples

    samples = _selected(run, culture, question)
    export_samples(samples, out, form=form)
    if as_json:
        print_json({"out": str(out), "format": form, "samples": len(samples)})
        return
    say(f"{len(samples)} samples -> {out}")


def _selected(run: Path, culture: str | None, question: str | None) -> "list[Sample]":
    from culturepark.postprocess.tables import load_samples
    from culturepark.runtime.store import open_store

    questions = [name if ":" in name else f"wvs7:{name}" for name in question.split(",")] if question else []
    store = open_store(run, create=False)
    try:
        return load_samples(store, cultures=culture.split(",") if culture else [], questions=questions)
    finally:
        store.close()
