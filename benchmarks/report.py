"""The results of a run as one page that needs no network, and as JSON."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import jinja2
from markupsafe import Markup

from culturepark.benchmarks.bench import Bench
from culturepark.benchmarks.figures import Figure, draw
from culturepark.benchmarks.signatures import signatures
from culturepark.benchmarks.task import SuiteResult, Table
from culturepark.runtime.console import plain
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import canonical
from culturepark.runtime.store import Store
from culturepark.runtime.whole_file import whole_file
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript

HTML: Final = "report.html"
JSON: Final = "report.json"

Drawn = tuple[Table, str | None]
"""A table, with the id of its figure."""


class ShownLine(NamedTuple):
    """An utterance on the page."""

    turn: int
    who: str
    language: str
    text: str
    flags: str


class ShownTalk(NamedTuple):
    """A talk that a check names."""

    id: str
    topic: str
    stances: list[str]
    lines: list[ShownLine]


class SuiteParts(NamedTuple):
    """What the page shows of a suite."""

    comparisons: list[Drawn]
    results: list[tuple[SuiteResult, list[Drawn]]]


def named_talks(store: Store, bench: Bench) -> list[Transcript]:
    """The talks that checks name, for the page to show."""
    return load_transcripts(store, ids=sorted({talk for check in bench.checks for talk in check.talks}))


def write_report(bench: Bench, folder: Path, talks: Sequence[Transcript] = ()) -> tuple[Path, Path]:
    """Write the page and the JSON into a run folder.

    Args:
        bench: What the run holds.
        folder: Of the run.
        talks: Those that checks name.

    Raises:
        CultureParkError: When the folder cannot be written.
    """
    written = (folder / HTML, folder / JSON)
    texts = (report_page(bench, talks), canonical(bench).decode() + "\n")
    try:
        for path, text in zip(written, texts, strict=True):
            with whole_file(path) as partial:
                partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{folder}: the report cannot be written ({error.strerror}); free space there") from None
    return written


def report_page(bench: Bench, talks: Sequence[Transcript] = ()) -> str:
    """Render results; every text is escaped, and Plotly stands in the page once."""
    figures: dict[str, Figure] = {}

    def drawn(table: Table) -> Drawn:
        if (figure := draw(table)) is None:
            return table, None
        name = f"figure{len(figures)}"
        figures[name] = figure
        return table, name

    suites: dict[str, SuiteParts] = {}
    for result in bench.results:
        if result.suite not in suites:
            compared = bench.comparisons.get(result.suite, ())
            suites[result.suite] = SuiteParts([drawn(table) for table in compared], [])
        tables = [drawn(scores_table(result)), *map(drawn, result.tables)]
        suites[result.suite].results.append((result, tables))
    template = (files(__package__) / "templates" / HTML).read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["shown"] = plain
    page = environment.from_string(template)
    return page.render(
        bench=bench,
        suites=suites,
        figures=figures,
        plotly=_plotly() if figures else "",
        talks=[_shown(talk) for talk in talks],
        signatures=signatures(),
    )


def _shown(talk: Transcript) -> ShownTalk:
    lines = [
        ShownLine(
            turn.index, f"{seat.name} ({seat.culture.country_name})", seat.language, turn.text, ", ".join(turn.flags)
        )
        for turn in talk.turns
        for seat in [talk.seat(turn.speaker)]
    ]
    stances = [f"{seat.name} {seat.stance.words}" for seat in talk.seats if seat.stance is not None]
    topic = talk.question.topic if talk.question is not None else "no survey question"
    return ShownTalk(talk.id, topic, stances, lines)


def scores_table(result: SuiteResult) -> Table:
    """A result's scores as a table."""
    return Table(
        title="scores",
        columns=("score", "value", "low", "high", "n", "clusters", "note"),
        rows=tuple(
            (score.name, score.value, score.low, score.high, score.n, score.clusters, score.note or None)
            for score in result.scores
        ),
        plot="forest",
    )


def _plotly() -> Any:
    """The library's own JavaScript, which may stand in a page as it is."""
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  (slow to import, and of the extra `map`)
    except ImportError:
        raise CultureParkError("a report with plots needs `pip install culturepark[map]`") from None
    return Markup(get_plotlyjs())
