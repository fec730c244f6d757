"""A report as Markdown and JSON: claim, design, n, intervals, verdict, command, and what the full size would take."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from culturepark.benchmarks.experiments.design import Further, Test
from culturepark.benchmarks.experiments.running import Report
from culturepark.benchmarks.experiments.steps import Cost
from culturepark.benchmarks.experiments.verdict import Contrast
from culturepark.benchmarks.task import Table
from culturepark.runtime.console import plain
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import canonical
from culturepark.runtime.whole_file import whole_file

MARKDOWN: Final = "report.md"
JSON: Final = "report.json"


def write_report(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write both files into an experiment's folder.

    Raises:
        CultureParkError: When the folder cannot be written.
    """
    written = (folder / MARKDOWN, folder / JSON)
    try:
        for path, text in zip(written, (markdown(report), canonical(report).decode() + "\n"), strict=True):
            with whole_file(path) as partial:
                partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{folder}: the report cannot be written ({error.strerror}); free space there") from None
    return written


def markdown(report: Report) -> str:
    """The report for people."""
    design, test, found = report.design, report.design.test, report.analysis
    talked = (
        "Nobody real talks here: the model is scripted, so this says whether our instruments work, and nothing about "
        "language models or people."
        if report.scripted
        else f"Who talks: `{report.model}`."
    )
    facts = (
        f"- Outcome: {design.outcome}",
        f"- Unit of analysis: {design.unit}",
        f"- Clusters: {design.clusters}",
        f"- Primary test: {tested(test)}",
        f"- Limits: {design.limits}",
    )
    parts = [
        f"# Experiment `{design.name}`, {report.options.size} size",
        f"**Claim** (version {design.version}, sha256 `{report.sha256[:16]}`, fixed before the data): {design.claim}",
        f"**Verdict: {report.verdict.outcome}.** {_sentence(report.verdict.why)}. {talked}",
        *(
            f"**Claim on {task}**: {one.claim} **Verdict on {task}: {report.further[task].outcome}.** "
            f"{_sentence(report.further[task].why)}."
            for task, one in design.further.items()
        ),
        _table(
            ("primary contrast", "effect", "95 % interval", "p", "minimum detectable", "smallest worth having", "pairs",
             "clusters"),
            [
                (*_row(one), f"{tried.smallest:g} {tried.unit}", one.pairs, one.clusters)
                for one, tried in (
                    (found.primary, test),
                    *((found.further[task].primary, one.test) for task, one in design.further.items()),
                )
            ],
        ),
        "## Design",
        _table(
            ("arm", "what it is", "n"), [(arm, what, found.n.get(arm, "not run")) for arm, what in design.arms.items()]
        ),
        "\n".join([*facts, *(_in_words(task, one) for task, one in design.further.items())]),
    ]  # fmt: skip
    checks = (*found.checks, *(check for one in found.further.values() for check in one.checks))
    if checks:
        rows = [(check.name, "passed" if check.passed else "FAILED", check.detail) for check in checks]
        parts += ["## Manipulation checks", _table(("check", "result", "detail"), rows)]
    if found.secondary:
        compared = [
            (*_row(one)[:4], _number(one.p_holm), _row(one)[4], one.pairs, one.clusters) for one in found.secondary
        ]
        columns = ("contrast", "effect", "95 % interval", "p", "p (Holm)", "minimum detectable", "pairs", "clusters")
        parts += ["## Secondary contrasts", _table(columns, compared)]
    for table in found.tables:
        parts += [f"## {table.title[:1].upper()}{table.title[1:]}", _table(table.columns, table.rows)]
        parts += [table.note] if table.note else []
    parts += [f"- {text}" for text in found.notes]
    parts += [
        "## Again, and at full size",
        f"```text\n{report.command}\n```",
        f"The full size, expected to take {words(report.full_cost)}:",
        f"```text\n{report.full_command}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def tested(test: Test) -> str:
    """The primary test in words."""
    return (
        f"{test.contrast}; two-sided at {test.alpha:g}, whole clusters at a time, with an effect of at least "
        f"{test.smallest:g} {test.unit}"
    )


def _in_words(task: str, one: Further) -> str:
    """How a further claim is tested."""
    return (
        f"- On {task}. Outcome: {one.outcome}. Unit of analysis: {one.unit}. Clusters: {one.clusters}. Test: "
        f"{tested(one.test)}"
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def words(costs: Sequence[Cost]) -> str:
    """All costs in a line."""
    requests, tokens_in, tokens_out, trained = (
        sum(getattr(cost, name) for cost in costs) for name in ("requests", "tokens_in", "tokens_out", "trained_tokens")
    )
    known = [cost.money for cost in costs if cost.money is not None]
    price = f"${sum(known):.2f} at most" if len(known) == len(costs) else "at a price that is not known here"
    said = f"{requests:,} requests, {tokens_in:,} tokens in and {tokens_out:,} out ({price})"
    return f"{said}, and {trained:,} trained tokens on your machine" if trained else said


def _row(one: Contrast) -> tuple[str, str, str, str, str]:
    interval = "none" if one.low is None or one.high is None else f"{_number(one.low)} to {_number(one.high)}"
    return one.name, _number(one.value), interval, _number(one.p), _number(one.detectable)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; bars and markup in cells are data."""
    lines = [_line(columns), _line(["---"] * len(columns)), *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: object) -> str:
    text = _number(value) if isinstance(value, float) else plain(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def scores_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | int | float | None]]) -> Table:
    """A table of results."""
    return Table(title=title, columns=tuple(columns), rows=tuple(tuple(row) for row in rows))
