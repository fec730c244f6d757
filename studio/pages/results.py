"""What the benchmarks of a run found: the report's tables and plots, in the browser; and the report as one file."""

import asyncio

from nicegui import ui

from culturepark.benchmarks.bench import Bench, stored
from culturepark.benchmarks.figures import draw as figure_of
from culturepark.benchmarks.report import HTML, report_page, scores_table
from culturepark.benchmarks.task import SuiteResult, Table
from culturepark.runtime.read_only import looking
from culturepark.studio.fields import button
from culturepark.studio.overview import has_results
from culturepark.studio.page import Visit
from culturepark.studio.results import LONGEST, radars, recoloured
from culturepark.studio.tags import Tag, empty


async def draw(visit: Visit) -> None:
    """Each suite: comparisons of models, then each model's scores and tables."""
    run = visit.run

    def read() -> Bench | None:
        with looking(run) as store:
            return stored(store, place=run.name) if has_results(store) else None

    found = await asyncio.to_thread(read)
    if found is None:
        empty(
            "No benchmark was run here yet.",
            then="Measure a model, and its tables, intervals and plots stand here:",
            command=f"culturepark bench opinions --run {run} --model builtin",
        )
        return

    async def export() -> None:
        page = await asyncio.to_thread(report_page, found)
        ui.download.content(page.encode(), HTML, "application/octet-stream")

    with Tag("div", classes="row between"):
        Tag("p", "Every estimate stands with its 95 % interval and its n.", classes="muted tight")
        button("Export as one HTML file").on("click", export)
    for problem in found.problems:
        Tag("p", problem, classes="refused")
    for suite in dict.fromkeys(result.suite for result in found.results):
        with Tag("section", classes="stack suite", aria_label=suite):
            Tag("h2", suite)
            for table in found.comparisons.get(suite, ()):
                _table(table)
            for result in found.results:
                if result.suite == suite:
                    _result(result)


def _result(result: SuiteResult) -> None:
    Tag("h3", result.model)
    counts = result.counts
    how = f"version {result.version}, scored by {result.settings.scoring}"
    became = f"{counts.answered} answered, {counts.refused} refused, {counts.invalid} invalid, {counts.failed} failed"
    Tag("p", f"{how}: {counts.asked} asked, {became}; weights {result.identity}", classes="muted small")
    _table(scores_table(result))
    for table in result.tables:
        _table(table)
        if drawn := list(radars(table)):
            with Tag("div", classes="radars"):
                for radar in drawn:
                    _table(radar)
    for note in result.notes:
        Tag("p", note, classes="muted small")


def _table(table: Table) -> None:
    figure = figure_of(table)
    with Tag("article", classes="card", aria_label=table.title):
        Tag("h3", table.title)
        if figure is not None:
            plot = ui.plotly(recoloured(figure)).classes("plot")
            plot.props["role"] = "img"
            plot.props["aria-label"] = f"{table.title}, drawn; the table below holds its numbers"
        with Tag("details", open=figure is None):
            Tag("summary", f"table, {len(table.rows)} rows")
            with (
                Tag("div", classes="wide flat", tabindex="0", role="region", aria_label=f"Table of {table.title}"),
                Tag("table"),
            ):
                with Tag("thead"), Tag("tr"):
                    for name in table.columns:
                        Tag("th", name, scope="col")
                with Tag("tbody"):
                    for row in table.rows[:LONGEST]:
                        with Tag("tr"):
                            for cell in row:
                                number = isinstance(cell, int | float)
                                Tag("td", cell, classes="number" if number else "", dir="auto")
            if len(table.rows) > LONGEST:
                Tag("p", f"… and {len(table.rows) - LONGEST} more rows: export holds them all.", classes="muted small")
        if table.note:
            Tag("p", table.note, classes="muted small")
