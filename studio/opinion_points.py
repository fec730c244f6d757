"""The map of opinions as a Plotly figure, and what another threshold would merge."""

import asyncio
import html
import textwrap
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from culturepark.postprocess.dedupe import dedupe
from culturepark.postprocess.embeddings import load_embeddings
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.opinion_map import OpinionMap, make_map
from culturepark.postprocess.tables import OpinionRow, load_opinions
from culturepark.runtime.models.embedders import SentenceEmbedder
from culturepark.runtime.read_only import looking
from culturepark.runtime.record import read_yaml
from culturepark.simulation.saved import SAVED
from culturepark.studio.palette import MIDDLE, mark
from culturepark.studio.tags import shown

By = Literal["culture", "stance", "cluster"]
BYS: Final[tuple[By, ...]] = ("culture", "stance", "cluster")
MOST: Final = 1500
"""Opinions drawn at once: laying out more takes minutes, and nobody can point at one of them."""
CLUSTERS: Final = 10
"""Largest groups that get a colour of their own."""
GREY: Final = "#8a8f98"
NO_STANCE, OTHERS = "no stance", "others"
SIDES: Final = {"below": "#c75b39", "mid": "#b08a2e", "above": "#2f7fb5", "unsure": "#7d6a9c", NO_STANCE: GREY}
WRAP: Final = 56
_OPINIONS = cast(sa.Table, OpinionRow.__table__)


class Laid(NamedTuple):
    """Verified opinions with their places and vectors."""

    opinions: tuple[Opinion, ...]
    places: OpinionMap
    vectors: NDArray[np.float32]
    all: int
    """Verified opinions of the run, of which `opinions` are some where they are too many."""
    min_cosine: float
    """What the run merged at."""
    method: str
    """`threshold`, or `kmeans`, which has no threshold to move."""


class Rethresholded(NamedTuple):
    """What another threshold would make of the same opinions."""

    opinions: tuple[Opinion, ...]
    samples: int
    undecided: int
    """Pairs near enough that only a judge could tell, of other questions or without a stance."""


@lru_cache(maxsize=2)
def lay_out(run: Path, _stamp: str) -> Laid | None:
    """Read and lay out a run's verified opinions; None when there are none.

    Raises:
        CultureParkError: When the run has no vectors for them.
    """
    with looking(run) as store:
        verified = (
            sa.select(_OPINIONS.c.id)
            .where(_OPINIONS.c.run_id == store.run_id)
            .where(_OPINIONS.c.dropped.is_(None) | (_OPINIONS.c.dropped == "merged"))
        )
        with store.engine.connect() as connection:
            # Ids are hashes, so the first of them are drawn by lot, and always the same.
            ids = connection.scalars(verified.order_by(_OPINIONS.c.id).limit(MOST)).all()
            count = connection.scalar(sa.select(sa.func.count()).select_from(verified.subquery())) or 0
        if not ids:
            return None
        refined = read_yaml(run / SAVED)["refine"]
        embedder = SentenceEmbedder(refined["embedder"])
        opinions = load_opinions(store, ids=ids)
        vectors = load_embeddings(store, embedder.identity, [opinion.text for opinion in opinions])
    threshold = refined["dedupe"]["min_cosine"]
    return Laid(
        tuple(opinions),
        make_map(opinions, vectors),
        vectors,
        count,
        embedder.min_cosine if threshold is None else float(threshold),
        refined["dedupe"]["method"],
    )


def rethreshold(laid: Laid, min_cosine: float) -> Rethresholded:
    """Merge the same opinions at another threshold, by code alone.

    A pair that only a judge can decide counts as one where the run has merged it, and as undecided elsewhere.
    """
    one_by = {opinion.text: opinion.id for opinion in laid.opinions}
    merged = {
        (opinion.id, opinion.kept) for opinion in laid.opinions if opinion.merged_by == "entailment" and opinion.kept
    }
    undecided: set[tuple[str, str]] = set()

    async def same(one: str, other: str) -> bool:
        pair = one_by[one], one_by[other]
        if pair in merged or pair[::-1] in merged:
            return True
        undecided.add(pair)
        return False

    fresh = [
        opinion.model_copy(update={"dropped": None, "kept": None, "cosine": None, "merged_by": None})
        for opinion in laid.opinions
    ]
    found = asyncio.run(dedupe(fresh, laid.vectors, min_cosine=min_cosine, same=same))
    return Rethresholded(tuple(found), sum(opinion.dropped is None for opinion in found), len(undecided))


def map_figure(laid: Laid, opinions: Sequence[Opinion], by: By) -> dict[str, Any]:
    """Draw opinions at their places: kept ones as dots, removed ones as crosses that hang on the one kept for them.

    Texts stand in hover labels, where Plotly reads a few tags: they are escaped.
    """
    places = {point.opinion: (point.x, point.y) for point in laid.places.points}
    lines: dict[str, list[float | None]] = {"x": [], "y": []}
    for opinion in opinions:
        if opinion.kept in places:
            (x, y), (to_x, to_y) = places[opinion.id], places[str(opinion.kept)]
            lines["x"] += [x, to_x, None]
            lines["y"] += [y, to_y, None]
    painted, colors = _painted(opinions, by)
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            **lines,
            "line": {"color": GREY, "width": 1},
            "opacity": 0.5,
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]
    for key, color in colors.items():
        for kept, symbol, size in ((True, "circle", 10), (False, "x-thin", 9)):
            own = [one for one in opinions if painted[one.id] == key and (one.kept is None) == kept]
            if own:
                data.append(_trace(own, places, name=key, color=color, symbol=symbol, size=size, legend=kept))
    hidden = {"visible": False, "zeroline": False}
    layout = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": hidden,
        "yaxis": {**hidden, "scaleanchor": "x"},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "legend": {"orientation": "h", "y": -0.02, "itemsizing": "constant"},
        "hoverlabel": {"align": "left"},
        "height": 560,
        "dragmode": "pan",
    }
    return {"data": data, "layout": layout, "config": {"displayModeBar": False, "scrollZoom": True}}


def groups(opinions: Sequence[Opinion]) -> list[tuple[Opinion, list[Opinion]]]:
    """Each kept opinion that stands for others, with those, the largest group first."""
    by_id = {opinion.id: opinion for opinion in opinions}
    found: dict[str, list[Opinion]] = {}
    for opinion in opinions:
        if opinion.kept in by_id:
            found.setdefault(str(opinion.kept), []).append(opinion)
    return [(by_id[kept], found[kept]) for kept in sorted(found, key=lambda kept: (-len(found[kept]), kept))]


def _painted(opinions: Sequence[Opinion], by: By) -> tuple[dict[str, str], dict[str, str]]:
    """What each opinion is painted as, by its id; and the colours of those words, in the order of the legend."""
    if by == "culture":
        cultures = {opinion.id: opinion.culture for opinion in opinions}
        return cultures, {culture: mark(culture) for culture in sorted(set(cultures.values()))}
    if by == "stance":
        sides = {one.id: one.stance.side if one.stance is not None else NO_STANCE for one in opinions}
        return sides, {side: color for side, color in SIDES.items() if side in sides.values()}
    largest = [kept for kept, _ in groups(opinions)[:CLUSTERS]]
    names = {kept.id: f"{number}: {html.escape(shown(kept.text)[:28])}…" for number, kept in enumerate(largest, 1)}
    clusters = {opinion.id: names.get(opinion.kept or opinion.id, OTHERS) for opinion in opinions}
    return clusters, {**dict(zip(names.values(), MIDDLE, strict=False)), OTHERS: GREY}


def _trace(
    own: Sequence[Opinion],
    places: dict[str, tuple[float, float]],
    *,
    name: str,
    color: str,
    symbol: str,
    size: int,
    legend: bool,
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "showlegend": legend,
        "x": [places[opinion.id][0] for opinion in own],
        "y": [places[opinion.id][1] for opinion in own],
        "customdata": [opinion.id for opinion in own],
        "text": [_hover(opinion) for opinion in own],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": color, "symbol": symbol, "size": size, "line": {"color": color, "width": 1.6}},
        "opacity": 0.85,
    }


def _hover(opinion: Opinion) -> str:
    lines = textwrap.wrap(shown(opinion.text)[:400], WRAP)
    return "<br>".join(html.escape(line) for line in (*lines, f"{opinion.culture}, {opinion.question}"))
