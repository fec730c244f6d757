"""Casts: who sits together, and stances that mirror the country from the first talks on."""

from collections import Counter
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from culturepark.personas.casting import CastSettings, CastTalk, cast_talks
from culturepark.personas.draws import low_discrepancy
from culturepark.personas.question import Scale
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


def genders(talk: CastTalk) -> tuple[str, ...]:
    return tuple(seat.persona.gender for seat in talk.seats)


def test_alternating_genders_run_through_all_pairings() -> None:
    casting = cast_talks(CastSettings(cultures=("korean",), questions=("Q27",), talks=4), ROSTER, SURVEY, seed=1)

    assert [genders(talk) for talk in casting.talks] == [
        ("female", "male"), ("male", "female"), ("female", "female"), ("male", "male"),
    ]  # fmt: skip


@pytest.mark.parametrize("questions", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("cultures", [("arabic", "korean"), ("arabic", "korean", "turkish"), ()])
def test_genders_go_neither_with_the_culture_nor_with_the_question(cultures: tuple[str, ...], questions: int) -> None:
    names, replicates = tuple(SURVEY.questions)[:questions], 4
    talks = cast_talks(
        CastSettings(cultures=cultures, questions=names, talks=(len(cultures) or 8) * questions * replicates),
        ROSTER, SURVEY, seed=1,
    ).talks  # fmt: skip

    cells = Counter((talk.question.id, talk.seats[1].culture.id, genders(talk)) for talk in talks)
    of_question = {(talk.question.id, talk.replicate, genders(talk)) for talk in talks}

    assert len(cells) == len(talks), "the replicates of a cell have all pairings"
    assert len(of_question) == questions * replicates, "cultures that meet a question have the same one"


@pytest.mark.parametrize(("pair", "same"), [("conflict", False), ("agree", True)])
def test_pairs_sit_near_or_far(pair: str, same: bool) -> None:
    casting = cast_talks(CastSettings(pair=pair, talks=40), ROSTER, SURVEY, seed=1)  # type: ignore[arg-type]

    for talk in casting.talks:
        main, delegate = (seat.stance for seat in talk.seats)
        assert main is not None
        assert delegate is not None
        if delegate.side != "mid":
            assert main.side == (delegate.side if same else {"below": "above", "above": "below"}[delegate.side])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cultures": ("arabik",)}, "no culture named 'arabik'; did you mean 'arabic'? Known: arabic, bengali, chinese, "
         "english, german, korean, portuguese, spanish, turkish."),
        ({"stance": "other:FRA"}, "stance 'other:FRA': the survey has no such country; it has: ARG, BGD, BRA, CHN, DEU, "
         "JOR, KOR, TUR, USA"),
        ({"cultures": ("arabic",), "questions": ("Q36",)}, "no question was asked in the countries of this cast; "
         "choose other questions or cultures"),
        ({"personas": ("turkish_aise",)}, "no persona named 'turkish_aise'; did you mean 'turkish_ayse'? Known: "
         f"{', '.join(sorted(ROSTER.personas))}."),
        ({"cultures": ("arabic",), "ground_by": ("sex",)}, "ground_by 'sex': the answers can not be grouped; import a WVS "
         "file that has the column (`culturepark surveys import-wvs`), or leave it out"),
        ({"cast": "panel", "cultures": ("arabic",)}, "a panel of 3 needs 3 cultures, and 1 are chosen; add some or "
         "lower panel_size"),
    ],
)  # fmt: skip
def test_mistakes_are_one_clear_line(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(CultureParkError) as refused:
        cast_talks(CastSettings.model_validate(wrong), ROSTER, SURVEY, seed=1)
    assert str(refused.value) == message


@pytest.mark.parametrize("pair", ["natural", "conflict", "agree"])
def test_the_distance_of_the_first_two_stances_is_stored(pair: str) -> None:
    casting = cast_talks(CastSettings(pair=pair, talks=40), ROSTER, SURVEY, seed=1)  # type: ignore[arg-type]

    for talk in casting.talks:
        main, delegate = (seat.stance for seat in talk.seats)
        assert main is not None
        assert delegate is not None
        codes = [code for code in talk.question.scale.codes if code not in talk.question.scale.unsure]
        unsure = main.side != delegate.side and "unsure" in {main.side, delegate.side}
        expected = None if unsure else abs(main.code - delegate.code) / (codes[-1] - codes[0])
        assert talk.stance_distance == expected


def test_conflict_sits_far_apart_and_agreement_near() -> None:
    def mean(pair: str) -> float:
        talks = cast_talks(CastSettings(pair=pair, talks=40), ROSTER, SURVEY, seed=1).talks  # type: ignore[arg-type]
        return fmean(talk.stance_distance for talk in talks if talk.stance_distance is not None)

    assert mean("agree") < mean("natural") < mean("conflict")


@pytest.mark.parametrize(
    ("scale", "one", "other", "expected"),
    [
        ({"codes": (1, 2, 3, 4)}, 1, 4, 1.0),
        ({"codes": (1, 2, 3, 4)}, 2, 3, 1 / 3),
        ({"codes": (0, 1, 2), "unsure": (1,)}, 0, 2, 1.0),
        ({"codes": (0, 1, 2), "unsure": (1,)}, 0, 1, None),
        ({"codes": (0, 1, 2), "unsure": (1,)}, 1, 1, 0.0),
        ({"codes": (1, 2, 3, 4), "ordinal": False}, 2, 3, 1.0),
    ],
)
def test_answers_are_apart_by_a_fraction_of_the_scale(
    scale: dict[str, object], one: int, other: int, expected: float | None
) -> None:
    assert Scale.model_validate({"labels": {}, **scale}).distance(one, other) == expected


def test_people_of_one_gender_take_turns_and_meet_every_question(tmp_path: Path) -> None:
    (tmp_path / "turkish.yaml").write_text(
        "culture: {id: turkish}\npersonas:\n  - {name: Ayşe, variants: {age: [25, 60]}}\n", encoding="utf-8"
    )
    chosen = CastSettings(cultures=("turkish",), questions=("Q27", "Q28", "Q29"), genders="female", talks=6)

    talks = cast_talks(chosen, load_roster([tmp_path]), SURVEY, seed=1).talks

    assert [(talk.question.id[5:], talk.seats[1].id[-2:]) for talk in talks] == [
        ("Q27", "25"), ("Q28", "60"), ("Q29", "25"), ("Q27", "60"), ("Q28", "25"), ("Q29", "60"),
    ]  # fmt: skip


def test_only_those_who_may_sit_down_do_and_stances_stay(tmp_path: Path) -> None:
    (tmp_path / "turkish.yaml").write_text(
        "culture: {id: turkish}\npersonas:\n  - {name: Ayşe, variants: {age: [25, 60]}}\n", encoding="utf-8"
    )
    roster = load_roster([tmp_path])
    young, old = (
        cast_talks(
            CastSettings(cultures=("turkish", "korean"), personas=(f"turkish_ayse_age{age}",), talks=8),
            roster, SURVEY, seed=1,
        ).talks
        for age in (25, 60)
    )  # fmt: skip

    assert {talk.seats[1].id for talk in young} == {"turkish_ayse_age25", "korean_haeun", "korean_joon"}
    assert [[seat.stance for seat in talk.seats] for talk in young] == [
        [seat.stance for seat in talk.seats] for talk in old
    ]


@pytest.mark.parametrize("talk_language", ["en", "mixed"])
def test_talks_share_equal_questions_and_seats(talk_language: str) -> None:
    """A plan of ten thousand talks would weigh three times as much."""
    casting = cast_talks(CastSettings(talks=2000, talk_language=talk_language), ROSTER, SURVEY, seed=1)

    seats = [seat for talk in casting.talks for seat in talk.seats]
    questions = [talk.question for talk in casting.talks]
    for records in (seats, questions):
        assert len({id(record) for record in records}) == len({record.model_dump_json() for record in records})
    assert len({id(seat) for seat in seats}) < len(seats) / 2
