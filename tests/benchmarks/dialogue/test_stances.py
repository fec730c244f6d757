"""Meters of stances by hand, and the rule that finds who changed their mind, on many simulated speakers."""

import numpy as np
import pytest

from culturepark.benchmarks.dialogue.conformity import conformity, convergence_turn, starts_apart
from culturepark.benchmarks.dialogue.control import simulate_control
from culturepark.benchmarks.dialogue.drift import FALSE_ALARMS, allowance, best_cut, find_change, find_changes, noisy
from culturepark.benchmarks.dialogue.readings import BEFORE, Reading, by_seat, expected_place, step, with_distances
from culturepark.benchmarks.dialogue.tables import drift_table
from culturepark.benchmarks.figures import draw
from culturepark.personas.surveys.survey import load_survey
from tests.benchmarks.dialogue.talking import readings, talk

FOUR = load_survey("wvs7").question("Q27").scale  # 1 agree strongly … 4 disagree strongly
LILY, ABDUL = "english_lily", "arabic_abdul"


def test_a_step_and_an_expected_place() -> None:
    assert step(FOUR) == pytest.approx(1 / 3)
    # Half on 1 (place 0), a quarter on 3 (2/3) and on 4 (1).
    assert expected_place(FOUR, {1: 0.5, 3: 0.25, 4: 0.25}) == pytest.approx((0.25 * 2 / 3 + 0.25) / 1)
    assert expected_place(FOUR, {}) is None


def test_distances_are_to_the_stance_and_for_near_to_the_own_first_answer() -> None:
    held = talk("a", "b", "c", codes=(1, 4))
    near = [one.model_copy(update={"meter": "near"}) for one in readings(held, [3, 1])]
    before = near[1].model_copy(update={"turn": BEFORE, "code": 2, "place": 1 / 3})

    found = with_distances(held, [*readings(held, [2, 4, None]), before, *near])

    assert [one.distance for one in found[:3]] == [pytest.approx(1 / 3), 0, None]
    # Lily was not asked before the talk, so nothing says where her answer moved from.
    assert [one.distance for one in found[3:]] == [0, None, pytest.approx(1 / 3)]


def test_conformity_by_hand() -> None:
    held = talk(codes=(1, 4))
    # Lily 1, 1, 2, 3: mean place 0 -> 1/2, toward Abdul. Abdul 4, 3, 3, 4: 5/6 -> 5/6.
    found = conformity(held, readings(held, [1, 4, 1, 3, 2, 3, 3, 4]))

    assert found == {LILY: pytest.approx(0.5), ABDUL: pytest.approx(0)}
    # Down the scale is toward the other for whom it lies there: Abdul 1 -> 1/3.
    assert conformity(held, readings(held, [1, 4, 1, 2])) == {LILY: pytest.approx(0), ABDUL: pytest.approx(2 / 3)}
    # Away from the other counts below 0; the middle one of three readings counts in neither half.
    assert conformity(held, readings(held, [2, None, 4, None, 1, None])) == {LILY: pytest.approx(-1 / 3)}


@pytest.mark.parametrize("codes", [(1, 1), (1, None), (None, None)], ids=["alike", "one-stance", "none"])
def test_without_two_stances_apart_there_is_no_conformity(codes: tuple[int | None, int | None]) -> None:
    held = talk(codes=codes)

    assert conformity(held, readings(held, [1, 4, 2, 3])) == {}
    assert starts_apart(held) is False


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        pytest.param([1, 4, 2, 3, 3, 3], 4, id="one-step-is-not-under-one-step"),
        pytest.param([1, None, 2, 2], 3, id="both-must-have-been-heard"),
        pytest.param([1, 4, None, 1], 3, id="where-last-heard"),
        pytest.param([1, 4, 1, 4], None, id="never"),
        pytest.param([], None, id="nothing-read"),
    ],
)
def test_the_turn_of_convergence(codes: list[int | None], expected: int | None) -> None:
    held = talk(codes=(1, 4))

    assert starts_apart(held) is True
    assert convergence_turn(held, readings(held, codes)) == expected


def test_a_change_is_found_where_it_is() -> None:
    held = talk(codes=(1, 4))
    lily, abdul = [1, 1, 1, 1, 1, 1, 1], [4, 4, 4, 1, 1, 1, 1]
    found = find_changes(
        readings(held, [code for pair in zip(lily, abdul, strict=True) for code in pair]), FOUR, "heard"
    )

    assert list(found) == [ABDUL]
    change = found[ABDUL]
    assert (change.at, change.turn, change.before, change.after, change.explained) == (3, 7, 4, 1, 3)


def own(codes: list[int | None]) -> list[Reading]:
    held = talk(codes=(1, 4))
    return by_seat(readings(held, [code for one in codes for code in (one, None)]), "heard").get(LILY, [])


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param([1, 1, 1, 4, 1, 1, 1], id="one-wrong-reading"),
        pytest.param([1, 1, 1, 1, 1, 1, 4], id="the-last-one-alone"),
        pytest.param([1, 4, 4], id="too-few"),
        pytest.param([None, None, None], id="nothing-said"),
    ],
)
def test_a_constant_speaker_is_not_flagged(codes: list[int | None]) -> None:
    assert find_change(own(codes), FOUR) is None


def test_the_allowance_grows_with_the_error_and_nothing_is_allowed_without_one() -> None:
    assert [allowance(7, 4, error) for error in (0.0, 0.05, 0.1, 0.3)] == [0, 0, 0, 2]


@pytest.mark.parametrize("options", [2, 4, 10])
def test_counting_is_that_of_two_stances_against_one(options: int) -> None:
    """The vectorised count against the definition, on noisy readings of changed speakers."""
    read = noisy(np.arange(7) >= 4, options, 0.3, talks=50, seed=3)
    for row in read.tolist():
        best = max(
            max(map(row[:cut].count, range(options))) + max(map(row[cut:].count, range(options))) for cut in range(2, 6)
        )
        expected = best - max(map(row.count, range(options)))
        codes = tuple(range(1, options + 1))
        scale = FOUR.model_copy(update={"codes": codes, "labels": {}, "unsure": ()})
        held = talk(codes=(1, 4))
        mine = [one.model_copy(update={"code": code + 1}) for one, code in zip(own([1] * 7), row, strict=True)]
        found = find_change(mine, scale, error=0.0)
        assert (found.explained if found else 0) == expected, (row, held.id)


def test_allowed_false_alarms_hold_for_fresh_constant_speakers() -> None:
    for n in (4, 7, 10, 14):
        for options in (2, 4, 10):
            read = noisy(np.zeros(n, dtype=bool), options, 0.1, talks=4000, seed=11)
            most = allowance(n, options, 0.1)
            assert np.mean(best_cut(read, options)[0] > most) <= FALSE_ALARMS + 0.01, (n, options)


@pytest.mark.parametrize(("own_turns", "options"), [(5, 4), (5, 10), (7, 3), (7, 4), (7, 10), (10, 4), (10, 10)])
def test_flips_are_found_and_the_constant_left_alone_at_a_meter_error_of_one_in_twenty(
    own_turns: int, options: int
) -> None:
    control = simulate_control(own_turns=own_turns, options=options, error=0.05, talks=2000)

    assert control.found >= 0.95
    assert control.false_alarms_interval.high <= 0.05


def test_without_errors_every_flip_is_found_at_its_turn() -> None:
    control = simulate_control(own_turns=7, options=2, error=0, talks=200)

    assert (control.found, control.exact, control.false_alarms) == (1, 1, 0)


def test_drift_is_drawn_by_own_utterance() -> None:
    """Speakers take turns: by turn of the talk their mean would jump from one to the other."""
    held = talk("a", "b", "c", "d", codes=(1, 4))
    figure = draw(drift_table(with_distances(held, readings(held, [1, 1, 2, 1]))))

    assert figure is not None
    *speakers, mean = figure["data"]
    assert [(line["x"], line["y"]) for line in speakers] == [
        ([1, 2], [0, pytest.approx(1 / 3)]), ([1, 2], [1, 1]),
    ]  # fmt: skip
    assert (mean["x"], mean["y"]) == ([1, 2], [0.5, pytest.approx(2 / 3)])
