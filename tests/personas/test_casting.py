"""Casts: who sits together, and stances that mirror the country from the first talks on."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from culturepark.personas.casting import CastSettings, cast_talks
from culturepark.personas.draws import low_discrepancy
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.errors import CultureParkError

ROSTER, SURVEY = load_roster(), load_survey("wvs7")


def test_nine_cultures_and_eighteen_personas_with_unique_ids() -> None:
    assert sorted(ROSTER.cultures) == [
        "arabic", "bengali", "chinese", "english", "german", "korean", "portuguese", "spanish", "turkish",
    ]  # fmt: skip
    assert len(ROSTER.personas) == 18
    assert {"portuguese_maria", "spanish_maria", "turkish_ayse", "portuguese_joao"} <= set(ROSTER.personas)
    assert [ROSTER.cultures[culture].country for culture in ROSTER.delegate_cultures] == [
        "JOR", "BGD", "CHN", "DEU", "KOR", "BRA", "ARG", "TUR",
    ]  # fmt: skip


def test_every_asked_pair_once_by_default() -> None:
    casting = cast_talks(CastSettings(), ROSTER, SURVEY, seed=1)

    pairs = Counter((talk.question.id, talk.seats[1].culture.id) for talk in casting.talks)
    assert set(pairs.values()) == {1}
    assert len(pairs) == 30 * 8 - 12
    assert Counter(item.country for item in casting.skipped) == {"CHN": 10, "JOR": 2}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), talks=st.integers(1, 60))
def test_sampled_stances_mirror_the_country_and_never_change_earlier_talks(seed: int, talks: int) -> None:
    def stances(count: int) -> list[int]:
        chosen = CastSettings(cultures=("korean",), questions=("Q29",), talks=count)
        return [
            stance.code
            for talk in cast_talks(chosen, ROSTER, SURVEY, seed=seed).talks
            if (stance := talk.seats[1].stance)
        ]

    drawn = stances(talks)
    answers = SURVEY.distribution("wvs7:Q29", "KOR")
    assert answers is not None
    for code, share in answers.shares.items():
        assert abs(drawn.count(code) - share * talks) < 2.5
    assert drawn == stances(talks + 7)[:talks]


def test_low_discrepancy_points_fill_the_interval_better_than_chance() -> None:
    points = sorted(point for point, _ in zip(low_discrepancy(3), range(100), strict=False))
    gaps = [after - before for before, after in zip(points, points[1:], strict=False)]
    assert max(gaps) < 0.03


@pytest.mark.parametrize(
    ("stance", "code", "country"),
    [("mode", 1, "JOR"), ("median", 1, "JOR"), ("other:DEU", None, "DEU"), ("none", None, None)],
)
def test_stance_choices(stance: str, code: int | None, country: str | None) -> None:
    chosen = CastSettings(cultures=("arabic",), questions=("Q27",), stance=stance)

    (talk,) = cast_talks(chosen, ROSTER, SURVEY, seed=1).talks

    held = talk.seats[1].stance
    assert (held and held.country) == country
    if code is not None:
        assert held is not None
        assert held.code == code


@pytest.mark.parametrize(
    ("cast", "seats"),
    [("cross", ["main_contact", "delegate"]), ("in-culture", ["main_contact", "delegate"]),
     ("panel", ["main_contact", "delegate", "delegate", "delegate"])],
)  # fmt: skip
def test_casts_have_one_main_contact_and_distinct_people(cast: str, seats: list[str]) -> None:
    casting = cast_talks(CastSettings(cast=cast, questions=("Q27",), talks=16), ROSTER, SURVEY, seed=1)  # type: ignore[arg-type]

    for talk in casting.talks:
        assert [seat.role for seat in talk.seats] == seats
        assert len({seat.id for seat in talk.seats}) == len(seats)
        cultures = {seat.culture.id for seat in talk.seats}
        assert len(cultures) == (1 if cast == "in-culture" else len(seats))


def test_alternating_genders_run_through_all_pairings() -> None:
    casting = cast_talks(CastSettings(cultures=("korean",), questions=("Q27",), talks=4), ROSTER, SURVEY, seed=1)

    pairings = {tuple(seat.persona.gender for seat in talk.seats) for talk in casting.talks}
    assert pairings == {("female", "female"), ("female", "male"), ("male", "female"), ("male", "male")}


@pytest.mark.parametrize(("pair", "same"), [("conflict", False), ("agree", True)])
def test_pairs_sit_near_or_far(pair: str, same: bool) -> None:
    casting = cast_talks(CastSettings(pair=pair, talks=40), ROSTER, SURVEY, seed=1)  # type: ignore[arg-type]

    for talk in casting.talks:
        main, delegate = (seat.stance for seat in talk.seats)
        assert main is not None
        assert delegate is not None
        if delegate.side != "mid":
            assert (main.side == delegate.side) == same


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cultures": ("arabik",)}, "no culture named 'arabik'; did you mean 'arabic'? Known: arabic, bengali, chinese, "
         "english, german, korean, portuguese, spanish, turkish."),
        ({"stance": "other:FRA"}, "stance 'other:FRA': the survey has no such country; it has: ARG, BGD, BRA, CHN, DEU, "
         "JOR, KOR, TUR, USA"),
        ({"cultures": ("arabic",), "questions": ("Q36",)}, "no question was asked in the countries of this cast; "
         "choose other questions or cultures"),
        ({"cast": "panel", "cultures": ("arabic",)}, "a panel of 3 needs 3 cultures, and 1 are chosen; add some or "
         "lower panel_size"),
    ],
)  # fmt: skip
def test_mistakes_are_one_clear_line(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(CultureParkError) as refused:
        cast_talks(CastSettings.model_validate(wrong), ROSTER, SURVEY, seed=1)
    assert str(refused.value) == message


GREEK = """
culture: {id: greek, people: Greek, language: el, country: GRC, country_name: Greece, hofstede: Greece}
personas:
  - {name: Nikos, gender: male, background: He is 44 and fishes on Naxos.}
  - {name: Eleni, gender: female, extends: Nikos}
"""


def test_a_new_culture_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "greek.yaml").write_text(GREEK, encoding="utf-8")

    roster = load_roster([tmp_path])

    assert roster.personas["greek_eleni"].background == "He is 44 and fishes on Naxos."
    assert len(roster.cultures) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{path}: the file is empty"),
        ("culture: [", "{path}:1: "),
        (GREEK.replace("name: Nikos", "name: Nikos, extends: Eleni"),
         "{path}: `extends` runs in a circle: Nikos -> Eleni -> Nikos"),
        (GREEK.replace("gender: male", "gendr: male"), "{path}: unknown field 'personas.0.gendr'; did you mean 'gender'?"),
        (GREEK.replace("name: Nikos", "name: Νίκος").replace("extends: Nikos", "extends: Niko"),
         "{path}: no persona to extend named 'Niko'. Known: Eleni, Νίκος."),
    ],
)  # fmt: skip
def test_broken_persona_files_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "greek.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(CultureParkError) as refused:
        load_roster([tmp_path])

    assert str(refused.value).startswith(message.format(path=path))
