"""Opinions as points: near ones mean nearly the same. A picture (PNG) or a page (HTML) to point at."""

import html
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from culturepark.postprocess.opinion import Opinion
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.record import Record
from culturepark.runtime.whole_file import whole_file

FEW: Final = 30
"""Opinions up to which PCA shows more than t-SNE, which needs neighbours to speak of."""
MANY: Final = 20_000
"""Opinions from which t-SNE takes hours."""
PERPLEXITY: Final = 30
COLORS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F5F00", "#000000", "#8A2BE2")
"""Okabe and Ito's, which people see apart whatever they see of color, and two more."""
KEPT, REMOVED = "sample", "merged into one"
WRAP: Final = 60


class Point(Record):
    """One verified opinion in the plane."""

    x: float
    y: float
    opinion: str
    text: str
    culture: str
    country: str
    question: str
    kept: str | None
    """Id of the opinion that stands for it; None for a sample."""


class OpinionMap(Record):
    """All verified opinions of a run, or of some cultures and questions."""

    projection: str
    points: tuple[Point, ...]


def project(vectors: NDArray[np.float32], *, seed: int = 0) -> tuple[str, NDArray[np.float64]]:
    """Lay unit rows out in the plane: by PCA for few or very many of them, else by t-SNE.

    Returns:
        The method's name, and shape `(n, 2)`.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415  (slow to import)
    from sklearn.manifold import TSNE  # noqa: PLC0415

    if len(vectors) < 2:
        return "PCA", np.zeros((len(vectors), 2))
    if len(vectors) <= FEW or len(vectors) >= MANY:
        flat = PCA(min(2, *vectors.shape), random_state=seed).fit_transform(vectors.astype(np.float64))
        return "PCA", np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    laid = TSNE(2, perplexity=perplexity, init="pca", metric="cosine", random_state=seed).fit_transform(vectors)
    return "t-SNE", np.asarray(laid, dtype=np.float64)


def make_map(opinions: Sequence[Opinion], vectors: NDArray[np.float32], *, seed: int = 0) -> OpinionMap:
    """Lay verified opinions out; one vector for each."""
    method, places = project(vectors, seed=seed)
    return OpinionMap(
        projection=method,
        points=tuple(
            Point(
                x=float(x),
                y=float(y),
                opinion=opinion.id,
                text=opinion.text,
                culture=opinion.culture,
                country=opinion.country,
                question=opinion.question,
                kept=opinion.kept,
            )
            for opinion, (x, y) in zip(opinions, places, strict=True)
        ),
    )


def draw(found: OpinionMap, path: Path) -> None:
    """Write the map as a picture (`.png`) or a page (`.html`), as the file's name says.

    Raises:
        CultureParkError: For another ending, a library that is not installed, a file that cannot be written.
    """
    if path.suffix not in FORMS:
        raise unknown("kind of map", path.suffix, FORMS, place=str(path))
    try:
        content = FORMS[path.suffix](found)
    except ModuleNotFoundError as error:
        raise CultureParkError(
            f"{path}: {error.name} is not installed, and draws it: `pip install 'culturepark[map]'`"
        ) from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be written ({error.strerror}); choose another --out") from None


def _picture(found: OpinionMap) -> bytes:
    import io  # noqa: PLC0415

    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  (optional)
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = {point.opinion: (point.x, point.y) for point in found.points}
    for point in found.points:
        if point.kept in places:
            x, y = places[point.kept]
            axes.plot([point.x, x], [point.y, y], color="#bbbbbb", linewidth=0.7, zorder=1)
    for culture, color in _colors(found).items():
        for kept, marker, size in ((True, "o", 26), (False, "x", 52)):
            own = [point for point in found.points if point.culture == culture and (point.kept is None) == kept]
            axes.scatter(
                [point.x for point in own],
                [point.y for point in own],
                c=color,
                marker=marker,
                s=size,
                linewidths=0 if kept else 1.4,
                alpha=0.8,
                label=culture if kept else None,
                zorder=2,
            )
    axes.scatter([], [], c="#555555", marker="x", s=52, linewidths=1.4, label=REMOVED)
    axes.set_title(_title(found), loc="left")
    axes.spines[:].set_color("#cccccc")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def _page(found: OpinionMap) -> bytes:
    import plotly.graph_objects as go  # noqa: PLC0415  (optional)

    places = {point.opinion: (point.x, point.y) for point in found.points}
    figure = go.Figure()
    lines: dict[str, list[float | None]] = {"x": [], "y": []}
    for point in found.points:
        if point.kept in places:
            x, y = places[point.kept]
            lines["x"] += [point.x, x, None]
            lines["y"] += [point.y, y, None]
    figure.add_trace(
        go.Scatter(**lines, mode="lines", line={"color": "#cccccc", "width": 1}, hoverinfo="skip", name="stands for")
    )
    for culture, color in _colors(found).items():
        for kept, symbol, size in ((True, "circle", 8), (False, "x-thin", 11)):
            own = [point for point in found.points if point.culture == culture and (point.kept is None) == kept]
            if own:
                figure.add_trace(_trace(go, own, f"{culture}, {KEPT if kept else REMOVED}", color, symbol, size))
    figure.update_layout(
        title={"text": html.escape(_title(found)), "x": 0.01},
        template="plotly_white",
        hoverlabel={"align": "left"},
        xaxis={"visible": False},
        yaxis={"visible": False},
        margin={"l": 20, "r": 20, "t": 60, "b": 20},
    )
    page: str = figure.to_html(
        include_plotlyjs=True, default_height="96vh", div_id="map", config={"displaylogo": False}
    )
    return page.replace("<head>", "<head><title>Map of opinions</title>", 1).encode()


def _trace(go: Any, own: Sequence[Point], name: str, color: str, symbol: str, size: int) -> Any:
    return go.Scatter(
        x=[point.x for point in own],
        y=[point.y for point in own],
        mode="markers",
        name=name,
        marker={"color": color, "symbol": symbol, "size": size, "line": {"color": color, "width": 1.5}},
        opacity=0.8,
        text=[_hover(point) for point in own],
        hovertemplate="%{text}<extra></extra>",
    )


def _hover(point: Point) -> str:
    """What a point shows. Plotly reads a few tags, so text is escaped; a hover template is not made of it."""
    lines = "<br>".join(html.escape(line) for line in textwrap.wrap(point.text, WRAP))
    return f"{lines}<br><br>{html.escape(f'{point.culture} ({point.country}), {point.question}, {point.opinion}')}"


def _title(found: OpinionMap) -> str:
    samples = sum(point.kept is None for point in found.points)
    return f"{len(found.points)} verified opinions, {samples} samples ({found.projection}); near ones mean the same"


def _colors(found: OpinionMap) -> dict[str, str]:
    cultures = sorted({point.culture for point in found.points})
    return {culture: COLORS[place % len(COLORS)] for place, culture in enumerate(cultures)}


FORMS: Final[Mapping[str, Callable[[OpinionMap], bytes]]] = {".png": _picture, ".html": _page}
