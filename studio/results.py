"""The report's figures on a page that may be light or dark."""

from collections.abc import Iterator
from typing import Any, Final

from culturepark.benchmarks.figures import BLUE, Figure
from culturepark.benchmarks.hofstede.indices import DIMENSIONS
from culturepark.benchmarks.task import Table

LONGEST: Final = 300
"""Rows of a table shown on the page."""
CLEAR: Final = "rgba(0,0,0,0)"
MIDDLE_BLUE: Final = "#4a8bc4"
"""Seen on light and on dark paper."""

RADAR: Final = {
    "height": 330,
    "margin": {"l": 46, "r": 46, "t": 26, "b": 20},
    "legend": {"orientation": "h", "y": -0.12},
    "polar": {"bgcolor": CLEAR, "radialaxis": {"nticks": 4, "tickangle": 0, "angle": 30}},
}
"""Several stand side by side, so each is small."""


def recoloured(figure: Figure) -> Figure:
    """The same figure on the page's own paper; the style sheet colours its words.

    Mode bars are left out: a plot is read here, and the exported report keeps the numbers.
    """
    layout = {**figure["layout"], "paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR}
    if any(trace["type"] == "scatterpolar" for trace in figure["data"]):
        layout |= RADAR
    return {"data": _seen(figure["data"]), "layout": layout, "config": {"displayModeBar": False}}


def _seen(part: Any) -> Any:
    """The same data with the report's blue made lighter."""
    if isinstance(part, dict):
        return {name: _seen(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_seen(value) for value in part]
    return MIDDLE_BLUE if part == BLUE else part


def radars(table: Table) -> Iterator[Table]:
    """One radar a culture from a table of Hofstede's six indices: the model's beside Hofstede's own row."""
    if not set(DIMENSIONS) <= set(table.columns):
        return
    places = {name: table.columns.index(name) for name in DIMENSIONS}
    for own, row in zip(table.rows[::2], table.rows[1::2], strict=True):
        yield Table(
            title=f"{own[0]}: {own[1]}",
            columns=("dimension", "the model", "Hofstede"),
            rows=tuple((name, own[place], row[place]) for name, place in places.items()),
            plot="radar",
        )
