"""The map of opinions: a layout that is the same each time, and files that hold text as text."""

import sys
from pathlib import Path

import numpy as np
import pytest

from culturepark.postprocess.opinion_map import draw, make_map, project
from culturepark.runtime.errors import CultureParkError
from tests.postprocess.opinions import opinion

NASTY = "<img src=x onerror=alert(1)></script><script>alert(2)</script> %{x} العائلة أولا"
OPINIONS = [
    opinion(NASTY, id="o1"),
    opinion("We eat.", id="o2", dropped="merged", kept="o1", cosine=0.9, merged_by="cosine"),
    opinion("We rest.", id="o3", culture="korean", country="KOR"),
]
VECTORS = np.eye(3, dtype=np.float32)


@pytest.mark.parametrize(("n", "method"), [(0, "PCA"), (1, "PCA"), (2, "PCA"), (30, "PCA"), (40, "t-SNE")])
def test_the_layout_is_the_same_each_time(n: int, method: str) -> None:
    vectors = np.random.default_rng(0).normal(size=(n, 5)).astype(np.float32)

    (name, places), (_, again) = project(vectors), project(vectors)

    assert name == method
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert (places == again).all()


def test_the_page_holds_text_as_text(tmp_path: Path) -> None:
    draw(make_map(OPINIONS, VECTORS), tmp_path / "deep" / "map.html")

    page = (tmp_path / "deep" / "map.html").read_text("utf-8")
    assert "<img src=x" not in page
    assert "alert(2)</script>" not in page
    assert "&lt;img src=x" in page.replace(r"\u0026", "&")
    assert '<script src="http' not in page
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["map.html"]


def test_the_picture_is_a_picture(tmp_path: Path) -> None:
    draw(make_map(OPINIONS, VECTORS), tmp_path / "map.png")

    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = make_map(OPINIONS, VECTORS)
    with pytest.raises(CultureParkError) as caught:
        draw(found, tmp_path / "map.svg")
    assert str(caught.value) == f"{tmp_path / 'map.svg'}: no kind of map named '.svg'. Known: .html, .png."

    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(CultureParkError) as caught:
        draw(found, tmp_path / "map.html")
    assert str(caught.value).endswith("is not installed, and draws it: `pip install 'culturepark[map]'`")
    assert list(tmp_path.iterdir()) == []
