"""`culturepark train`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, note, print_json, print_table, say
from culturepark.runtime.run_folder import stoppable

if TYPE_CHECKING:
    from culturepark import Study
    from culturepark.training.dataset import Dataset
    from culturepark.training.models import TrainedModel
    from culturepark.training.report import DatasetReport


def train(
    run: Annotated[Path, typer.Argument(help="Run folder of refined talks.")],
    *,
    culture: Annotated[str | None, typer.Option("--culture", help="Comma-separated ids; all with samples.")] = None,
    rows: Annotated[
        str | None, typer.Option(help="Comma-separated: survey, opinion, dialogue, distribution, answer.")
    ] = None,
    weight: Annotated[str | None, typer.Option(help="survey, mass or none.")] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="culturepark, or a baseline: answer, distribution, direct, augment, placebo."),
    ] = None,
    method: Annotated[str | None, typer.Option(help="lora (this machine) or openai (a hosted job).")] = None,
    scope: Annotated[str | None, typer.Option(help="culture (a model each) or all (one model).")] = None,
    base: Annotated[str | None, typer.Option(help="The model to tune, e.g. smollm2-135m or openai:NAME.")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Address of an OpenAI-compatible fine-tuning service (--method openai).")
    ] = None,
    tokens: Annotated[int | None, typer.Option(help="Most tokens of one pass over the rows of a model.")] = None,
    max_cosine: Annotated[
        float | None, typer.Option(help="Similarity to a held-out question from which a row is left out.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Comma-separated numbers, a model for each.")] = None,
    model: Annotated[str | None, typer.Option(help="Who is asked in modes direct and augment.")] = None,
    model_url: Annotated[str | None, typer.Option(help="Address of that model's server.")] = None,
    preset: Annotated[str, typer.Option(help="default or paper.")] = "default",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Make the rows and say what they are; train nothing.")
    ] = False,
    jobs: Annotated[
        bool, typer.Option("--jobs", help="Write each training down for torchrun or accelerate launch; train nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Create hosted jobs at the cost that was told.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Create a hosted job anew after one that failed.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the hosted jobs of this selection.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Train models of the cultures of a run, or make the rows for it. The same command goes on where it stopped."""
    options = dict(locals())
    from culturepark.training.choosing import chosen_study

    study = chosen_study(run, preset, options)
    if cancel:
        from culturepark.training.models import cancel_jobs

        cancelled = cancel_jobs(study, run)
        if as_json:
            print_json([one.model_dump(mode="json") for one in cancelled])
        _end(cancelled, as_json=as_json, wanted="cancelled")
        return
    from culturepark.training.models import costs, train_all, write_jobs

    going_on = f"what was done is saved in {run}, hosted jobs go on; the same command goes on from there"
    with stoppable(going_on):
        dataset = _dataset(study, run)
    trained: Sequence[TrainedModel] = ()
    if not dry_run:
        if not as_json:
            _show(dataset.report)
        with stoppable(going_on):
            trained = write_jobs(study, run, dataset) if jobs else train_all(study, run, dataset, yes=yes, again=again)
    if as_json:
        print_json(
            {
                "run": str(run),
                "folder": str(run / "training"),
                "report": dataset.report.model_dump(mode="json"),
                "cost": costs(study.train, dataset) if study.train.method == "openai" else None,
                "models": [one.model_dump(mode="json") for one in trained],
            }
        )
    elif dry_run:
        _show(dataset.report)
        say(f"rows: {run / 'training'}; nothing was trained (--dry-run)")
    _end(trained, as_json=as_json, wanted="written" if jobs else "succeeded")


def _dataset(study: "Study", run: Path) -> "Dataset":
    from culturepark.runtime.models.embedders import SentenceEmbedder
    from culturepark.training.arms import prepare
    from culturepark.training.dataset import make_dataset
    from culturepark.training.models import row_lengths
    from culturepark.training.saved import save_dataset

    embedder = SentenceEmbedder(study.refine.embedder)
    arm = prepare(study, run, embedder)
    for text in arm.notes:
        note(text)
    dataset = make_dataset(
        arm.material, study.train, embedder, place=str(run), seed=study.seed,
        generation=arm.generation, variants=arm.variants, lengths=row_lengths(study.train),
    )  # fmt: skip
    save_dataset(run, dataset, study.train)
    return dataset


def _show(report: "DatasetReport") -> None:
    print_table(("kind", "step", "count"), report.funnel_rows())
    rows = [
        (
            cell.kind, cell.culture, cell.country, cell.question, cell.talks, cell.rows, cell.counted,
            cell.emd_before, cell.emd,
            ", ".join(f"{code} ({100 * share:.1f} %)" for code, share in cell.missing.items()) or None,
        )
        for cell in report.cells
    ]  # fmt: skip
    columns = ("kind", "culture", "country", "question", "talks", "rows", "counted", "EMD before", "EMD", "never said")
    print_table(columns, rows)
    farthest = report.farthest
    if farthest is not None:
        say(
            f"largest EMD to the survey: {farthest.emd:.3f} ({farthest.kind}, {farthest.culture}, {farthest.country}, "
            f"{farthest.question}); {report.promise}"
        )
    print_table(
        ("model", "rows", "counted", "tokens" if report.exact_tokens else "tokens (about)", "validation rows"),
        [(one.name, one.rows, one.counted, one.tokens, one.validation_rows) for one in report.sets],
    )
    made = report.generation
    say(f"making them took {made.requests} requests, {made.tokens_in} tokens in, {made.tokens_out} out")
    for text in report.notes:
        say(f"note: {text}")


def _end(models: "Sequence[TrainedModel]", *, as_json: bool, wanted: str) -> None:
    """Print what became of each model; exit code 1 where one is not as wanted."""
    if not as_json and models:
        print_table(
            ("model", "status", "use it with --model", "detail"),
            [(one.name, one.status, one.model, one.detail) for one in models],
        )
    if any(one.status != wanted for one in models):
        raise typer.Exit(code=1)
