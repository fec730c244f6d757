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
COLORS: Final = (BLUE, "#c76b00", "#3a7d44")
MOST_LINES: Final = 60
"""Single speakers drawn behind a mean."""


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
        case "drift":
            return _drift(table)
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
    value, low, high = (table.columns.index(name) for name in ("value", "low", "high"))
    labels = [place for place in range(value) if all(not isinstance(row[place], int | float) for row in table.rows)]
    rows = [row for row in table.rows if _number(row[value]) is not None]
    if not rows:
        return None
    names = [_name([row[place] for place in labels]) for row in rows]
    middle = [float(row[value] or 0) for row in rows]
    ends = [[_number(row[place]) for row in rows] for place in (low, high)]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": middle,
                "y": list(range(len(rows))),
                "customdata": names,
                "hovertemplate": "%{customdata}: %{x:.3f}<extra></extra>",
                "marker": {"color": BLUE, "size": 7},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [0 if end is None else end - at for end, at in zip(ends[1], middle, strict=True)],
                    "arrayminus": [0 if end is None else at - end for end, at in zip(ends[0], middle, strict=True)],
                    "color": BLUE,
                },
            }
        ],
        "layout": _layout(
            len(rows) * ROW + 90,
            xaxis={"title": {"text": "value, 95 % interval"}, "rangemode": "tozero", "zerolinewidth": 2},
            yaxis={
                "tickvals": list(range(len(rows))), "ticktext": names, "automargin": True,
                "range": [len(rows) - 0.5, -0.5], "zeroline": False,
            },
        ),
    }  # fmt: skip


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


def _drift(table: Table) -> Figure | None:
    """Mean distance by own utterance, a bold line a meter, over the thin lines of single speakers."""
    spot = {name: place for place, name in enumerate(table.columns)}
    said: dict[tuple[str, str], list[tuple[int, float | None]]] = {}
    for row in table.rows:
        speaker = str(row[spot["meter"]]), f"{row[spot['talk']]} {row[spot['seat']]}"
        said.setdefault(speaker, []).append((int(row[spot["turn"]] or 0), _number(row[spot["distance"]])))
    # By the number of the own utterance: speakers take turns, and a mean by turn would jump from one to the other.
    points = [
        (meter, who, number, distance)
        for (meter, who), own in said.items()
        for number, (_, distance) in enumerate(sorted(own, key=_turn), start=int(_turn(min(own, key=_turn)) >= 0))
        if distance is not None
    ]
    if not points:
        return None
    data: list[Figure] = []
    for place, meter in enumerate(dict.fromkeys(point[0] for point in points)):
        color = COLORS[place % len(COLORS)]
        own = [point[1:] for point in points if point[0] == meter]
        for who in list(dict.fromkeys(who for who, _, _ in own))[:MOST_LINES]:
            line = sorted((turn, distance) for name, turn, distance in own if name == who)
            data.append(
                {
                    "type": "scatter", "mode": "lines", "x": [turn for turn, _ in line], "y": [far for _, far in line],
                    "line": {"color": color, "width": 1}, "opacity": 0.25, "showlegend": False, "legendgroup": meter,
                    "hovertemplate": f"{_name([who])}, utterance %{{x}}: %{{y:.2f}}<extra></extra>",
                }
            )  # fmt: skip
        by_turn = {turn: [value for _, at, value in own if at == turn] for turn in sorted({at for _, at, _ in own})}
        data.append(
            {
                "type": "scatter", "mode": "lines+markers", "name": f"{_name([meter])} (mean)", "legendgroup": meter,
                "x": list(by_turn), "y": [sum(values) / len(values) for values in by_turn.values()],
                "line": {"color": color, "width": 3},
                "customdata": [len(values) for values in by_turn.values()],
                "hovertemplate": "utterance %{x}: %{y:.2f}, n = %{customdata}<extra></extra>",
            }
        )  # fmt: skip
    axes = {
        "xaxis": {
            "title": {"text": "own utterance of a speaker (0: before the talk)"},
            "dtick": 1,
            "zeroline": False,
        },
        "yaxis": {"title": {"text": "distance, fraction of the scale"}, "range": [-0.03, 1.03], "automargin": True},
    }
    return {"data": data, "layout": {**_layout(380, **axes), "legend": {"orientation": "h", "y": 1.12}}}


def _turn(reading: tuple[int, float | None]) -> int:
    return reading[0]


def _layout(height: int, **axes: Any) -> Figure:
    return {"height": height, "margin": MARGIN, "font": {"size": 12}, **axes}


def _name(cells: Sequence[Cell]) -> str:
    """Cells as one label. Plotly reads some markup in labels, so angle brackets are made harmless."""
    text = ", ".join(str(cell) for cell in cells if cell is not None).translate(str.maketrans("<>", "‹›"))
    return text if len(text) <= LONGEST else f"…{text[-LONGEST + 1 :]}"


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, int | float) else None
