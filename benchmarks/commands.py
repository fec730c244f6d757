"""`culturepark compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, note, print_json, print_table, say
from culturepark.runtime.run_folder import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from culturepark.benchmarks.comparison import Comparison
    from culturepark.benchmarks.decomposition import Decomposition

LARGE = 300
"""Talks from which a split takes more than a few seconds."""


def compare(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    *,
    by: Annotated[
        str | None, typer.Option("--by", help="protocol, persona, model, language, or another factor the study varied.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Comma-separated names; all by default.")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Value that the others are compared with; the commonest by default.")
    ] = None,
    decompose: Annotated[
        bool, typer.Option("--decompose", help="Say instead how much of the spread comes from each factor.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare protocols, people, models or languages over talks that share their seeds, or split the spread."""
    from culturepark.benchmarks.comparison import compare as compare_talks
    from culturepark.benchmarks.decomposition import decompose as decompose_talks
    from culturepark.benchmarks.talk_metrics import chosen_metrics
    from culturepark.benchmarks.talks import load_talks
    from culturepark.runtime.errors import CultureParkError

    if (by is None) == (not decompose):
        raise CultureParkError("write either --by protocol (or persona, model, language) or --decompose")
    if decompose and baseline is not None:
        raise CultureParkError("--baseline belongs to --by; leave it out beside --decompose")
    metrics = chosen_metrics(metric.split(",") if metric else ())
    with reading(run) as store:
        talks = load_talks(store)
    if by is None:
        if len(talks.held) > LARGE:
            note(f"splitting the variance of {len(metrics)} metrics over {len(talks.held)} talks; this takes a while")
        splits = decompose_talks(talks, metrics=metrics)
        if as_json:
            print_json([split.model_dump(mode="json") for split in splits])
        else:
            _show_splits(splits)
        return
    found = compare_talks(talks, by, metrics=metrics, baseline=baseline, place=str(run))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _show_comparison(found)


def _show_comparison(found: "Comparison") -> None:
    for value, baseline in dict.fromkeys((row.value, row.baseline) for row in found.rows):
        rows = [row for row in found.rows if (row.value, row.baseline) == (value, baseline)]
        say(f"{found.by}: {value} against {baseline}")
        print_table(
            ("metric", "pairs", value, baseline, "difference", "95 % interval", "p", "p (Holm)", "detectable"),
            [
                (
                    row.metric,
                    row.pairs,
                    _exact(row.mean),
                    _exact(row.mean_baseline),
                    _exact(row.difference),
                    "-" if row.interval is None else _range(*row.interval),
                    _exact(row.p),
                    _exact(row.p_holm),
                    _exact(row.smallest_detectable),
                )
                for row in rows
            ],
        )
    say(
        f"{found.talks} talks, {found.talks - found.unpaired} of them in pairs that differ in {found.by} only; "
        f"left out: {found.unpaired} without a partner, {found.forks} forks or imported, "
        f"{found.unfinished} not complete"
    )
    for remark in found.notes:
        say(f"note: {remark}")
    _explain([row.metric for row in found.rows])


def _show_splits(splits: "Sequence[Decomposition]") -> None:
    rows = [
        (
            split.metric,
            part.factor,
            part.values,
            _exact(part.variance),
            _range(*part.interval),
            f"{100 * part.share:.0f} %",
            part.talks_needed,
        )
        for split in splits
        for part in split.components
    ]
    if rows:
        print_table(("metric", "factor", "values", "variance", "95 % interval", "share", "talks for 0.8"), rows)
        say("talks for 0.8: for each value of the factor, until their order has reliability 0.8;")
        say("in the last row of a metric, draws of one talk until its own score has")
    for split in splits:
        if split.note is not None:
            say(f"{split.metric}: {split.note}")
    _explain([split.metric for split in splits])


def _explain(metrics: "Sequence[str]") -> None:
    from culturepark.benchmarks.talk_metrics import METRICS

    for name in dict.fromkeys(metrics):
        entry = METRICS[name]
        better = "neither is better" if entry.better == "neither" else f"{entry.better} is better"
        say(f"{name} ({entry.unit}, {better}): {entry.definition}")


def _range(low: float, high: float | None) -> str:
    return f"{_exact(low)} and more" if high is None else f"{_exact(low)} to {_exact(high)}"


def _exact(value: float | None) -> str | None:
    """Three significant digits: variances of shares are small."""
    return None if value is None else f"{value:.3g}"
