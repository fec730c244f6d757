"""`culturepark experiments`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, print_json, print_table, say
from culturepark.runtime.run_folder import stoppable

if TYPE_CHECKING:
    from culturepark.benchmarks.experiments.running import Report
    from culturepark.benchmarks.experiments.steps import Cost

experiments_app = typer.Typer(help="Claims about the method, each with its test and a verdict.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A name from `experiments list`.")]


@experiments_app.command("list")
def list_experiments(*, as_json: JsonFlag = False) -> None:
    """List all experiments with their claims."""
    from culturepark.benchmarks.experiments.design import load_design, names

    designs = [load_design(name) for name in names()]
    if as_json:
        print_json([one.model_dump(mode="json") | {"sha256": one.sha256} for one in designs])
    else:
        print_table(("experiment", "version", "claim"), [(one.name, one.version, one.claims) for one in designs])


@experiments_app.command("show")
def show(name: Name, *, as_json: JsonFlag = False) -> None:
    """Show an experiment's design: arms, outcome, test, limits, sizes."""
    from culturepark.benchmarks.experiments.design import load_design
    from culturepark.benchmarks.experiments.reporting import tested

    design = load_design(name)
    if as_json:
        print_json(design.model_dump(mode="json") | {"sha256": design.sha256})
        return
    say(f"{design.name}, version {design.version}, sha256 {design.sha256[:16]}")
    say(f"claim: {design.claim}")
    print_table(("arm", "what it is"), list(design.arms.items()))
    say(f"outcome: {design.outcome}")
    say(f"unit of analysis: {design.unit}; clusters: {design.clusters}")
    say(f"primary test: {tested(design.test)}")
    for text in design.checks:
        say(f"manipulation check: {text}")
    for task, one in design.further.items():
        say(f"claim on {task}: {one.claim}")
        say(f"outcome: {one.outcome}")
        say(f"unit of analysis: {one.unit}; clusters: {one.clusters}")
        say(f"test: {tested(one.test)}")
        for text in one.checks:
            say(f"manipulation check: {text}")
    say(f"limits: {design.limits}")
    for size, given in design.sizes.items():
        settings = given.model_dump(mode="json", exclude_defaults=True)
        say(f"{size}: " + ", ".join(f"{key} {_shown(value)}" for key, value in settings.items()))


@experiments_app.command("run")
def run_experiment(
    name: Name,
    *,
    small: Annotated[bool, typer.Option("--small", help="In minutes, offline, on this machine.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and say what it would take; send nothing.")
    ] = False,
    run: Annotated[Path | None, typer.Option("--run", help="Folder; runs/experiments/NAME by default.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Who talks: as after `culturepark run --model`, or scripted.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible server.")] = None,
    judge_model: Annotated[str | None, typer.Option(help="Who reads and verifies; not the model that talks.")] = None,
    base: Annotated[str | None, typer.Option(help="Built-in model that adapters are trained on.")] = None,
    culture: Annotated[str | None, typer.Option("--culture", help="Comma-separated ids.")] = None,
    talks: Annotated[int | None, typer.Option(min=1, help="Talks of each arm.")] = None,
    rows: Annotated[int | None, typer.Option(min=2, help="Training rows of each arm, at most.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps of each adapter.")] = None,
    cells: Annotated[
        int | None, typer.Option(min=1, help="Culture and question pairs that models are measured on.")
    ] = None,
    texts: Annotated[int | None, typer.Option(min=1, help="Texts that models moderate.")] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Comma-separated; each adapter is trained once with each, and scores are means.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of data that is not shipped, as `bench --data`.")] = None,
    survey: Annotated[Path | None, typer.Option(help="WVS wave 7 CSV with countries that are not shipped.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    budget: Annotated[float | None, typer.Option(help="US dollars that no run of talks ever exceeds.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run an experiment and write its report; the same command goes on where it stopped."""
    from culturepark.benchmarks.experiments.catalogue import EXPERIMENTS
    from culturepark.benchmarks.experiments.design import load_design
    from culturepark.benchmarks.experiments.reporting import write_report
    from culturepark.benchmarks.experiments.running import costs, make_report, prepare
    from culturepark.benchmarks.experiments.running import run as run_all
    from culturepark.benchmarks.experiments.setup import Options
    from culturepark.training.choosing import chosen_seeds

    design = load_design(name)
    experiment = EXPERIMENTS[name]
    options = Options(
        size="small" if small else "full", model=model, base_url=base_url, judge=judge_model, base=base,
        cultures=tuple(part.strip() for part in culture.split(",")) if culture else (), talks=talks, rows=rows,
        steps=steps, cells=cells, texts=texts, seeds=chosen_seeds(seeds) if seeds else (),
        data=str(data) if data else None, survey=str(survey) if survey else None, seed=seed, budget=budget,
    )  # fmt: skip
    folder = run or Path("runs") / "experiments" / name
    if dry_run:
        setup, planned = prepare(experiment, design, options, folder)
        _show_costs(costs(planned, setup), as_json=as_json)
        return
    with stoppable(f"what was done is saved in {folder}; the same command goes on from there"):
        found = run_all(experiment, design, options, folder)
    report = make_report(experiment, found, options, run=run)
    page, data_file = write_report(report, folder)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _show(report)
        say(f"report: {page}, {data_file}")


def _show(report: "Report") -> None:
    say(f"claim: {report.design.claims}")
    found, further = report.analysis, report.analysis.further.values()
    print_table(
        ("contrast", "effect", "low", "high", "p", "minimum detectable", "pairs", "clusters"),
        [
            (one.name, one.value, one.low, one.high, one.p, one.detectable, one.pairs, one.clusters)
            for one in (found.primary, *(more.primary for more in further))
        ],
    )
    for check in (*found.checks, *(check for more in further for check in more.checks)):
        say(f"manipulation check {'passed' if check.passed else 'FAILED'}: {check.name} ({check.detail})")
    say(f"verdict: {report.verdict.outcome} ({report.verdict.why})")
    for task, verdict in report.further.items():
        say(f"verdict on {task}: {verdict.outcome} ({verdict.why})")


def _show_costs(found: "tuple[Cost, ...]", *, as_json: bool) -> None:
    from culturepark.benchmarks.experiments.reporting import words

    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    print_table(
        ("step", "requests", "tokens in", "tokens out", "US dollars", "trained tokens"),
        [(one.step, one.requests, one.tokens_in, one.tokens_out, one.money, one.trained_tokens) for one in found],
    )
    say(f"in all {words(found)}; nothing was sent (--dry-run)")


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else shlex.quote(str(value))
