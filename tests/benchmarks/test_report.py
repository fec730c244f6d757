"""One page that opens without a network, with every text escaped; and the comparison of several models."""

import re
from collections.abc import Sequence

import pytest

from culturepark.benchmarks.bench import Bench
from culturepark.benchmarks.figures import draw
from culturepark.benchmarks.pairing import compare
from culturepark.benchmarks.report import report_page
from culturepark.benchmarks.task import BenchSettings, Counts, ItemScore, Score, SuiteResult, Table

EVIL = "<img src=x onerror=alert(1)></script>"
SETTINGS = BenchSettings(suites=("moderation",))


def result(model: str, values: Sequence[float | None], tables: tuple[Table, ...] = ()) -> SuiteResult:
    """Eight items of four sets and two cultures."""
    return SuiteResult(
        suite="moderation", version=1, model=model, identity=model, settings=SETTINGS, counts=Counts(answered=8),
        scores=(Score(name=EVIL, value=0.5, low=0.4, high=0.6, n=8, clusters=4),), tables=tables,
        items=tuple(
            ItemScore(id=f"i{place}", cluster=f"set{place // 2}", culture=("arabic", "korean")[place // 4], value=value)
            for place, value in enumerate(values)
        ),
    )  # fmt: skip


def test_models_are_compared_on_what_both_answered() -> None:
    base = result("openai:base", [0, 0, 1, 1, 0, 1, 0, None])
    tuned = result("openai:tuned", [1, 1, 1, 1, 0, 1, None, 1])

    gains, matrix = compare([base, tuned], SETTINGS)

    assert gains.rows[0][:2] == ("openai:tuned", pytest.approx(2 / 6))
    assert gains.rows[0][4:6] == (6, 3)
    assert matrix.columns == ("model", "arabic", "korean")
    assert matrix.rows == (("openai:tuned", 0.5, 0.0),)


def test_the_named_baseline_is_the_one_compared_with() -> None:
    one, two = result("openai:a", [1] * 8), result("openai:b", [0] * 8)

    tables = compare([one, two], SETTINGS.model_copy(update={"baseline": "openai:b"}))

    assert tables[0].rows[0][:2] == ("openai:a", 1.0)


def test_the_page_is_whole_and_harmless() -> None:
    heat = Table(title=EVIL, columns=("m", "x"), rows=((EVIL, 0.1),), plot="heat")
    radar = Table(title="r", columns=("axis", EVIL), rows=(("a", 0.1), ("b", 0.4)), plot="radar")
    results = (result(EVIL, [1] * 8, (heat, radar)),)
    bench = Bench(
        run="runs/x", results=results, comparisons={}, problems=(EVIL,), requests_sent=0, requests_cached=0, cost=None
    )

    page = report_page(bench)

    assert EVIL not in page
    assert "<img" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert (
        page.count("Plotly.newPlot(") - report_page(bench.model_copy(update={"results": ()})).count("Plotly.newPlot(")
        >= 3
    )
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", page)


def test_a_forest_plot_holds_values_and_their_ends() -> None:
    table = Table(
        title="t", columns=("set", "n", "value", "low", "high"), rows=(("a", 3, 0.5, 0.25, 1.0), ("b", 0, None, None, None)),
        plot="forest",
    )  # fmt: skip

    figure = draw(table)

    assert figure is not None
    (trace,) = figure["data"]
    assert (trace["x"], trace["customdata"]) == ([0.5], ["a"])
    assert (trace["error_x"]["array"], trace["error_x"]["arrayminus"]) == ([0.5], [0.25])


def test_before_and_after_are_two_marks_a_row() -> None:
    columns = (
        "model", "part", "before", "before low", "before high", "after", "after low", "after high", "value", "low", "high",
    )  # fmt: skip
    rows = (
        ("m", "a", 0.5, 0.25, 1.0, 0.75, 0.5, 1.0, 0.25, 0.0, 0.5),
        ("m", "<b>", 0.5, None, None, 0.25, 0.0, 0.5, -0.25, None, None),
        ("m", "c", *[None] * 9),
    )

    figure = draw(Table(title="t", columns=columns, rows=rows, plot="before_after"))

    assert figure is not None
    before, after = figure["data"]
    assert (before["name"], before["x"], after["name"], after["x"]) == ("before", [0.5, 0.5], "after", [0.75, 0.25])
    assert before["customdata"] == ["a", "‹b›"]  # the model, which all share, is not in the names
    assert (before["error_x"]["array"], before["error_x"]["arrayminus"]) == ([0.5, 0], [0.25, 0])
    assert after["y"][0] > before["y"][0]


def test_right_and_wrong_items_are_compared_by_mcnemar_too() -> None:
    before, after = (
        result(name, [float(right) for right in values]).model_copy(
            update={
                "items": tuple(
                    item.model_copy(update={"right": right})
                    for item, right in zip(result(name, [0] * 8).items, values, strict=True)
                )
            }
        )
        for name, values in (("openai:a", [False] * 8), ("openai:b", [True] * 6 + [False] * 2))
    )

    gains, _ = compare([before, after], SETTINGS)

    # Six went from wrong to right, none back: 2 / 2**6.
    assert gains.rows[0][gains.columns.index("p (McNemar)")] == pytest.approx(2 / 64)
    unknown = before.model_copy(update={"items": result("openai:a", [0] * 8).items})
    assert compare([unknown, after], SETTINGS)[0].rows[0][gains.columns.index("p (McNemar)")] is None
