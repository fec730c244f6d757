"""`culturepark bench` and `culturepark report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, print_json, print_table, say
from culturepark.runtime.run_folder import reading, stoppable

if TYPE_CHECKING:
    from culturepark.benchmarks.bench import Bench
    from culturepark.benchmarks.task import SuiteResult, Table


def bench(
    suites: Annotated[
        str,
        typer.Argument(help="Comma-separated: moderation, …, or all (of models); dialogue: of the run's talks."),
    ],
    *,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Model to measure; may be repeated for several.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="Model that the others are compared with.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible server.")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Run folder, new or not; runs/bench by default.")] = None,
    study: Annotated[Path | None, typer.Option(help="Study file with a section `bench:`.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most items of a suite, for a trial.")] = None,
    shots: Annotated[int | None, typer.Option(min=0, help="Worked examples before a question of forgetting.")] = None,
    culture: Annotated[str | None, typer.Option("--culture", help="Comma-separated ids; all by default.")] = None,
    sets: Annotated[str | None, typer.Option("--set", help="Comma-separated data sets of the suite.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of data that is not shipped.")] = None,
    registry: Annotated[
        list[Path] | None, typer.Option(help="YAML file with data sets of your own; may be repeated.")
    ] = None,
    scoring: Annotated[str | None, typer.Option(help="generate, or likelihood (models of this machine).")] = None,
    prompt_language: Annotated[str | None, typer.Option(help="Comma-separated: en, native (the data's own).")] = None,
    judge_model: Annotated[
        str | None, typer.Option("--judge-model", help="dialogue: who reads the talks, as --model.")
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(help="dialogue: comma-separated told, near, heard, kinds, understanding; all by default."),
    ] = None,
    same_judge: Annotated[
        bool | None, typer.Option("--same-judge", help="dialogue: let a model judge talks it held itself.")
    ] = None,
    embedder: Annotated[str | None, typer.Option(help="dialogue: all-minilm-l6-v2, multilingual-e5-small, ….")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Questions in flight.")] = None,
    budget: Annotated[float | None, typer.Option("--budget", help="US dollars that are never exceeded.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure models, or a run's talks: scores with intervals, what was refused or unreadable, and what differs."""
    from culturepark import Study
    from culturepark.benchmarks.bench import bench as run_bench
    from culturepark.runtime.engines.local import run_to_end

    def listed(text: str | None) -> list[str] | None:
        return [part.strip() for part in text.split(",") if part.strip()] if text else None

    chosen = Study.load(
        study,
        {
            "base_url": base_url,
            "seed": seed,
            "budget": {"money": budget},
            "bench": {
                "suites": listed(suites),
                "models": model or None,
                "baseline": baseline,
                "limit": limit,
                "shots": shots,
                "cultures": listed(culture),
                "sets": listed(sets),
                "data": str(data) if data else None,
                "registry": [str(path) for path in registry or ()] or None,
                "scoring": scoring,
                "languages": listed(prompt_language),
                "concurrency": concurrency,
                "dialogue": {
                    "judge": judge_model,
                    "measures": listed(measure),
                    "same_judge": same_judge,
                    "embedder": embedder,
                },
            },
        },
    )
    folder = run or Path("runs") / "bench"
    with stoppable(f"every reply so far is saved in {folder}; the same command goes on from there"):
        found = run_to_end(run_bench(chosen, folder, show=True))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        show_bench(found)
    if found.problems:
        raise typer.Exit(code=1)


def show_bench(found: "Bench") -> None:
    """Print scores, tables and problems."""
    for result in found.results:
        _show_result(result)
    for suite, tables in found.comparisons.items():
        for table in tables:
            _show_table(suite, table)
    for text in found.missing:
        say(f"not measured: {text}")
    for problem in found.problems:
        say(f"problem: {problem}")
    say(f"{found.requests_sent} requests sent, {found.requests_cached} from the ledger; results in {found.run}")


def _show_result(result: "SuiteResult") -> None:
    counts = result.counts
    say(
        f"{result.suite} (version {result.version}), {result.model}: {counts.asked} asked, {counts.answered} answered, "
        f"{counts.refused} refused, {counts.invalid} invalid, {counts.failed} failed"
    )
    if result.trial:
        say(result.trial)
    print_table(
        ("score", "value", "low", "high", "n", "clusters", "note"),
        [
            (score.name, score.value, score.low, score.high, score.n, score.clusters, score.note or None)
            for score in result.scores
        ],
    )
    for table in result.tables:
        _show_table(result.suite, table)
    for text in result.notes:
        say(f"note: {text}")


def _show_table(suite: str, table: "Table") -> None:
    say(f"{suite}: {table.title}")
    print_table(table.columns, table.rows)
    if table.note:
        say(f"note: {table.note}")


def report(
    run: Annotated[Path, typer.Argument(help="Run folder with talks, or in which suites were run.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Check a run for the method's known failures, and write what suites found in it: an offline page, and JSON."""
    from culturepark.benchmarks.bench import stored
    from culturepark.benchmarks.report import named_talks, write_report

    with reading(run) as store:
        found = stored(store, place=str(run))
        talks = named_talks(store, found)
    page, data = write_report(found, run, talks)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _show_checks(found)
        say(f"{len(found.results)} results of {len({one.suite for one in found.results})} suites -> {page}, {data}")


def _show_checks(found: "Bench") -> None:
    print_table(
        ("check", "status", "n", "found", "talks"),
        [(one.title, one.status, f"{one.n} {one.unit}", one.says, " ".join(one.talks) or None) for one in found.checks],
    )
    for one in found.checks:
        if one.remedy:
            say(f"{one.status}: {one.title}: {one.remedy}")
