"""The report's figures on a page that may be light or dark."""

from collections.abc import Iterator
from typing import Final

from culturepark.benchmarks.figures import Figure
from culturepark.benchmarks.hofstede.indices import DIMENSIONS
from culturepark.benchmarks.task import Table

LONGEST: Final = 300
"""Rows of a table shown on the page."""
CLEAR: Final = "rgba(0,0,0,0)"


def recoloured(figure: Figure) -> Figure:
    """The same figure on the page's own paper; the style sheet colours its words.

    Mode bars are left out: a plot is read here, and the exported report keeps the numbers.
    """
    layout = {**figure["layout"], "paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR}
    if "polar" in layout:
        layout["polar"] = {**layout["polar"], "bgcolor": CLEAR}
    return {"data": figure["data"], "layout": layout, "config": {"displayModeBar": False}}


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
