"""Tables as Plotly figures: plain data, which the page hands to the library."""

from collections.abc import Sequence
from typing import Any, Final

from culturepark.benchmarks.task import Cell, Table

Figure = dict[str, Any]
"""`data` and `layout`, as Plotly reads them."""
ROW: Final = 24
"""Pixels of a row of a forest plot or heat map."""
LONGEST: Final = 60
MARGIN: Final = {"l": 20, "r": 20, "t": 20, "b": 40}
BLUE: Final = "#2b5c8a"
GREY: Final = "#8a8f98"
TALL_ROW: Final = 36
"""Pixels of a row with two marks."""
SHIFT: Final = 0.15
"""Of the two marks from the middle of their row, in rows."""


def draw(table: Table) -> Figure | None:
    """Draw a table as it asks to be; None for one that is not drawn, or has nothing to draw."""
    if not table.rows:
        return None
    match table.plot:
        case "heat":
            return _heat(table)
        case "forest":
            return _forest(table)
        case "radar":
            return _radar(table)
        case "before_after":
            return _before_after(table)
        case _:
            return None


def _heat(table: Table) -> Figure | None:
    values = [[_number(cell) for cell in row[1:]] for row in table.rows]
    known = [abs(value) for row in values for value in row if value is not None]
    if not known:
        return None
    most = max(known) or 1.0
    signed = any(value is not None and value < 0 for row in values for value in row)
    return {
        "data": [
            {
                "type": "heatmap",
                "x": list(table.columns[1:]),
                "y": [_name([row[0]]) for row in table.rows],
                "z": values,
                "zmin": -most if signed else 0,
                "zmax": most,
                "colorscale": "RdBu" if signed else "Blues",
                "reversescale": True,  # blue is high in both
                "text": [["" if value is None else f"{value:.2f}" for value in row] for row in values],
                "texttemplate": "%{text}",
                "hoverongaps": False,
            }
        ],
        "layout": _layout(len(table.rows) * ROW + 120, yaxis={"autorange": "reversed", "automargin": True}),
    }


def _forest(table: Table) -> Figure | None:
    value = table.columns.index("value")
    labels = [place for place in range(value) if all(not isinstance(row[place], int | float) for row in table.rows)]
    rows = [row for row in table.rows if _number(row[value]) is not None]
    if not rows:
        return None
    names = [_name([row[place] for place in labels]) for row in rows]
    marks = _marks(table, rows, ("value", "low", "high"), names, color=BLUE)
    return {
        "data": [marks],
        "layout": _rows_layout(names, ROW, xaxis={"title": {"text": "value, 95 % interval"}}),
    }


def _before_after(table: Table) -> Figure | None:
    """Both sides of each row, one above the other."""
    first = table.columns.index("before")
    rows = [row for row in table.rows if _number(row[first]) is not None]
    if not rows:
        return None
    # What all rows share (the model, where there is one) need not stand in every name.
    labels = [place for place in range(first) if len({row[place] for row in rows}) > 1] or [0]
    names = [_name([row[place] for place in labels]) for row in rows]
    sides = [
        _marks(
            table, rows, (side, f"{side} low", f"{side} high"), names, color=color, shift=shift, side=side,
        )
        for side, color, shift in (("before", GREY, -SHIFT), ("after", BLUE, SHIFT))
    ]  # fmt: skip
    layout = _rows_layout(names, TALL_ROW, xaxis={"title": {"text": "each side with its 95 % interval"}})
    return {"data": sides, "layout": {**layout, "legend": {"orientation": "h", "y": 1, "yanchor": "bottom"}}}


def _marks(
    table: Table,
    rows: Sequence[Sequence[Cell]],
    columns: tuple[str, str, str],
    names: Sequence[str],
    *,
    color: str,
    shift: float = 0,
    side: str = "",
) -> Figure:
    """A mark a row with its interval: columns of the value and its two ends."""
    value, low, high = (table.columns.index(name) for name in columns)
    middle = [float(row[value] or 0) for row in rows]
    ends = [[_number(row[place]) for row in rows] for place in (low, high)]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": middle,
        "y": [place + shift for place in range(len(rows))],
        "customdata": list(names),
        "hovertemplate": f"%{{customdata}}{f', {side}' if side else ''}: %{{x:.3f}}<extra></extra>",
        "marker": {"color": color, "size": 7},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [0 if end is None else end - at for end, at in zip(ends[1], middle, strict=True)],
            "arrayminus": [0 if end is None else at - end for end, at in zip(ends[0], middle, strict=True)],
            "color": color,
        },
        **({"name": side} if side else {}),
    }


def _rows_layout(names: Sequence[str], row: int, *, xaxis: Figure) -> Figure:
    return _layout(
        len(names) * row + 90,
        xaxis={**xaxis, "rangemode": "tozero", "zerolinewidth": 2},
        yaxis={
            "tickvals": list(range(len(names))), "ticktext": list(names), "automargin": True,
            "range": [len(names) - 0.5, -0.5], "zeroline": False,
        },
    )  # fmt: skip


def _radar(table: Table) -> Figure | None:
    axes = [_name([row[0]]) for row in table.rows]
    series = [
        (name, [_number(row[place]) for row in table.rows]) for place, name in enumerate(table.columns) if place > 0
    ]
    return {
        "data": [
            {"type": "scatterpolar", "name": name, "theta": [*axes, axes[0]], "r": [*values, values[0]]}
            for name, values in series
        ],
        "layout": _layout(420),
    }


def _layout(height: int, **axes: Any) -> Figure:
    return {"height": height, "margin": MARGIN, "font": {"size": 12}, **axes}


def _name(cells: Sequence[Cell]) -> str:
    """Cells as one label. Plotly reads some markup in labels, so angle brackets are made harmless."""
    text = ", ".join(str(cell) for cell in cells if cell is not None).translate(str.maketrans("<>", "‹›"))
    return text if len(text) <= LONGEST else f"…{text[-LONGEST + 1 :]}"


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, int | float) else None
