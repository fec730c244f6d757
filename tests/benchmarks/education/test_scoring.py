"""Lessons written by hand are scored to values worked out by hand; what is missing stays missing."""

from pathlib import Path
from typing import Any

import pytest

from culturepark.benchmarks.education.lesson_files import read_lessons
from culturepark.benchmarks.education.scoring import EducationResult, score
from tests.benchmarks.education.hand_written import lesson, lines, off_by, tiny
from tests.commands import command, document, mistake

__all__ = ["tiny"]


def scored(folder: Path, *lessons: dict[str, Any]) -> EducationResult:
    path = folder / "lessons.jsonl"
    path.write_text(lines(*lessons), encoding="utf-8")
    return score(read_lessons([path]))


@pytest.mark.parametrize(
    ("guesses", "share", "spread", "left_open"),
    [
        # |0.5 - 0.7| and |0.5 - 0.5|; |0.6 - 0.72| and |0.6 - 1|
        pytest.param([("H1", 0.5, 0.6), ("H2", 0.5, 0.6)], 0.1, 0.26, 0, id="share-and-spread"),
        pytest.param([("H4", 0.0, 1.0)], 0.5, 1 / 6, 0, id="one-question"),
        pytest.param([("H1", 0.5, None), ("H2", None, 0.6)], None, None, 2, id="each-kind-has-a-gap"),
        pytest.param([("H1", 0.5, None), ("H2", 0.5, 0.6)], 0.1, None, 1, id="one-kind-has-a-gap"),
        pytest.param([("H3", 0.0, 0.0)], 0.0, 0.0, 0, id="zero-is-an-answer"),
    ],
)
def test_errors_of_a_form_by_hand(
    tiny: Path, tmp_path: Path, guesses: list[Any], share: float | None, spread: float | None, left_open: int
) -> None:
    before = [{"question": f"tiny:{name}", "share": one, "spread": other} for name, one, other in guesses]

    found = scored(tmp_path, lesson("aaaa", tiny, before=before)).scored[0].before

    assert found.share == pytest.approx(share)
    assert found.spread == pytest.approx(spread)
    assert found.open == left_open


def test_a_guessed_distribution_is_scored_by_its_share_and_spread(tiny: Path, tmp_path: Path) -> None:
    # Share 0.5, spread 1: H1 has 0.7 and 0.72.
    guess = {"question": "tiny:H1", "shares": {"1": 0.5, "2": 0, "3": 0, "4": 0.5}}

    found = scored(tmp_path, lesson("aaaa", tiny, before=[guess])).scored[0].before

    assert found.share == pytest.approx(0.2)
    assert found.spread == pytest.approx(0.28)


# In tenths. Within arms: Sxx = 2 + 2, Sxy = 1 + 1, Syy = 2 + 2, so the slope is 1/2 and the error 4 - 2/2 = 3 on 3 df.
SIX = [("culture_model", 1, 1), ("culture_model", 2, 3), ("culture_model", 3, 2),
       ("base_model", 2, 4), ("base_model", 3, 6), ("base_model", 4, 5)]  # fmt: skip


def six(survey: Path) -> list[dict[str, Any]]:
    return [off_by(f"six{place}", survey, arm, pre, post) for place, (arm, pre, post) in enumerate(SIX)]


def test_the_analysis_of_covariance_by_hand(tiny: Path, tmp_path: Path) -> None:
    found = scored(tmp_path, *six(tiny))

    for kind in found.kinds:  # share and spread were off by the same
        model = kind.ancova
        assert model is not None
        # F = (2.5 ** 2) / (1 / 3 + 1 / 3 + (2 - 3) ** 2 / 4) at an error of 1 = 75 / 11
        assert (model.n, model.df, model.df_error, model.blocks) == (6, 1, 3, 1)
        assert model.f == pytest.approx(75 / 11)
        assert model.partial_eta2 == pytest.approx(75 / 108)
        assert model.partial_omega2 == pytest.approx(64 / 130)
        assert model.slope == pytest.approx(0.5)
        assert model.p_slopes == pytest.approx(1)  # both arms have the slope 1/2
        (contrast,) = model.contrasts
        assert (contrast.arm, contrast.other) == ("culture_model", "base_model")
        assert contrast.difference == pytest.approx(-0.25)  # (2 - 5) - (2 - 3) / 2, in tenths
        # The upper 2.5 % point of t on 3 df is 3.182446, the standard error sqrt(11 / 12) tenths.
        assert contrast.low == pytest.approx(-0.25 - 0.3182446 * (11 / 12) ** 0.5)
        assert contrast.high == pytest.approx(-0.25 + 0.3182446 * (11 / 12) ** 0.5)
        assert contrast.p == contrast.p_holm == pytest.approx(model.p)
        # Changes 0 1 -1 and 2 3 1: d = -2, and J = 1 - 3 / 15; variance 6 / 9 + g ** 2 / 2 / (6 - 3.94)
        assert contrast.g == pytest.approx(-1.6)
        assert contrast.g_low == pytest.approx(-1.6 - 1.959964 * (2 / 3 + 1.28 / 2.06) ** 0.5)
        assert contrast.g_high == pytest.approx(-1.6 + 1.959964 * (2 / 3 + 1.28 / 2.06) ** 0.5)


def test_change_by_arm_by_hand(tiny: Path, tmp_path: Path) -> None:
    arm = scored(tmp_path, *six(tiny)).kinds[0].arms[1]

    assert (arm.arm, arm.lessons, arm.complete) == ("base_model", 3, 3)
    assert (arm.before.value, arm.after.value, arm.change.value) == pytest.approx((0.3, 0.5, 0.2))
    assert arm.change.sd == pytest.approx(0.1)
    # 4.302653 is the upper 2.5 % point of t on 2 df.
    assert (arm.change.low, arm.change.high) == pytest.approx((0.2 - 0.4302653 / 3**0.5, 0.2 + 0.4302653 / 3**0.5))


def test_missing_answers_leave_a_lesson_out_of_the_analysis_and_in_the_count(tiny: Path, tmp_path: Path) -> None:
    gap = off_by("gap0", tiny, "culture_model", 9, 0)
    gap["after"][0]["share"] = None
    unfinished = off_by("left", tiny, "base_model", 9, 9) | {"status": "unfinished", "after": []}

    whole, found = scored(tmp_path, *six(tiny)), scored(tmp_path, *six(tiny), gap, unfinished)

    share, spread = found.kinds
    assert share.ancova == whole.kinds[0].ancova
    assert [(arm.arm, arm.lessons, arm.complete) for arm in share.arms] == [
        ("culture_model", 4, 3), ("base_model", 4, 3),
    ]  # fmt: skip
    assert [(arm.lessons, arm.complete) for arm in spread.arms] == [(4, 4), (4, 3)]
    assert (found.lessons, found.unfinished, found.open) == (8, 1, 1)


def test_cultures_are_blocks(tiny: Path, tmp_path: Path) -> None:
    """Were the second culture's forms harder by four tenths, the arms would differ by as much as before."""
    harder = [
        off_by(f"more{place}", tiny, arm, pre + 1, post + 4, culture="other")
        for place, (arm, pre, post) in enumerate(SIX)
        if pre + 1 <= 10 and post + 4 <= 10
    ]

    model = scored(tmp_path, *six(tiny), *harder).kinds[0].ancova

    assert model is not None
    assert (model.n, model.blocks, model.df_error) == (12, 2, 8)
    assert model.contrasts[0].difference == pytest.approx(-0.25)


@pytest.mark.parametrize(
    ("lessons", "reason"),
    [
        pytest.param(
            [("culture_model", 1, 2), ("culture_model", 2, 2)],
            "all lessons are of the arm culture_model, so there is nothing to compare it with", id="one-arm",
        ),
        pytest.param(
            [("culture_model", 1, 2), ("culture_model", 2, 2), ("survey_table", 2, 1)],
            "arm survey_table has 1 complete lessons, and the analysis needs 2 or more of every arm", id="few",
        ),
        pytest.param(
            [("culture_model", 1, 2), ("culture_model", 1, 3), ("survey_table", 1, 1), ("survey_table", 1, 4)],
            "4 complete lessons cannot tell apart arms, first form and cultures", id="all-began-alike",
        ),
        pytest.param(
            [("culture_model", 1, 1), ("culture_model", 2, 2), ("survey_table", 3, 3), ("survey_table", 4, 4)],
            "the model fits without any error; look at the lessons", id="too-good",
        ),
    ],
)  # fmt: skip
def test_why_there_is_no_analysis(tiny: Path, tmp_path: Path, lessons: list[Any], reason: str) -> None:
    rows = [off_by(f"less{place}", tiny, *one) for place, one in enumerate(lessons)]

    found = scored(tmp_path, *rows)

    assert [(kind.ancova, kind.why_not) for kind in found.kinds] == [(None, reason)] * 2


def test_the_sheet_is_counted_by_item_and_arm(tiny: Path, tmp_path: Path) -> None:
    sheets = [("culture_model", 4), ("culture_model", 5), ("culture_model", None), ("base_model", 2)]
    rows = [
        off_by(f"shee{place}", tiny, arm, 1, 2, sheet={"again": rating}) for place, (arm, rating) in enumerate(sheets)
    ]

    found = scored(tmp_path, *rows).sheet

    assert [(one.item, one.arm, one.rating.value, one.rating.n, one.open) for one in found] == [
        ("again", "culture_model", 4.5, 2, 1), ("again", "base_model", 2, 1, 0),
    ]  # fmt: skip


def test_the_command_prints_the_hand_computed_values(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "lessons.jsonl"
    path.write_text(lines(*six(tiny), {"id": "gone", "withdrawn": True}), encoding="utf-8")

    text = command("education", "score", path)

    assert text.splitlines()[:7] == [
        "6 lessons (0 unfinished) about turkish; consent version 1",
        "1 withdrawn: left out everywhere",
        "share error, percent points; below 0 a change is for the better",
        "arm\tlessons\tcomplete\tbefore\tafter\tchange\t95 % interval\tsd of change",
        "culture_model\t3\t3\t20.0\t20.0\t0.0\t-24.8 to 24.8\t10.0",
        "base_model\t3\t3\t30.0\t50.0\t20.0\t-4.8 to 44.8\t10.0",
        "ANCOVA of 6 complete lessons: F(1, 3) = 6.82, p = 0.0796, partial eta2 = 0.694, partial omega2 = 0.492; "
        "equal slopes: p = 1",
    ]
    assert "culture_model - base_model\t-25.0\t-55.5 to 5.5\t0.0796\t0.0796\t-1.60\t-3.82 to 0.62" in text
    assert document("education", "score", path)["kinds"][0]["ancova"]["f"] == pytest.approx(75 / 11)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        pytest.param(
            {"before": [{"question": "tiny:H9", "share": 0.1}]},
            "lesson aaaa: no question named 'tiny:H9'; did you mean 'tiny:H5'? "
            "Known: tiny:H1, tiny:H2, tiny:H3, tiny:H4, tiny:H5, tiny:S1.",
            id="unknown-question",
        ),
        pytest.param(
            {"before": [{"question": "tiny:S1", "share": 0.1}]},
            "lesson aaaa: tiny:S1 is a seed question, which lessons may show; forms hold held-out questions only",
            id="seed-question",
        ),
        pytest.param(
            {"country": "KOR"},
            "lesson aaaa: tiny:H3 was not asked in KOR; correct the question or the country",
            id="not-asked-there",
        ),
        pytest.param(
            {"before": [{"question": "tiny:H1", "shares": {"1": 0.5, "9": 0.5}}]},
            "lesson aaaa: shares of the codes [1, 9] of tiny:H1; its scale has [1, 2, 3, 4]",
            id="other-codes",
        ),
    ],
)
def test_lessons_that_do_not_fit_their_survey_are_one_line(
    tiny: Path, tmp_path: Path, fields: dict[str, Any], line: str
) -> None:
    path = tmp_path / "lessons.jsonl"
    path.write_text(lines(lesson("aaaa", tiny, **fields)), encoding="utf-8")

    assert mistake("education", "score", path) == line
