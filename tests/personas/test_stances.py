"""Stances drawn from people like the persona, and stances that are one real respondent's joint answers."""

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from culturepark.personas.casting import Casting, CastSettings, CastTalk, cast_talks
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.groups import BANDS, MINIMUM, VALUES, band, group_name, groups_of
from culturepark.personas.surveys.import_wvs import import_wvs, write_survey
from culturepark.personas.surveys.respondents import load_respondents
from culturepark.personas.surveys.survey import Survey, load_survey
from culturepark.personas.surveys.wvs_file import Respondent, read_wvs
from culturepark.runtime.errors import CultureParkError
from tests.personas.wvs_sheet import write_wvs

ROSTER = load_roster()


def imported(path: Path, folder: Path) -> Survey:
    write_survey(import_wvs(path), folder)
    load_survey.cache_clear()
    return load_survey(str(folder))


def cast(survey: Survey, **chosen: object) -> Casting:
    return cast_talks(CastSettings.model_validate({"cultures": ["turkish"], **chosen}), ROSTER, survey, seed=3)


def people_of(path: Path) -> list[Respondent]:
    return [person for person in read_wvs(path).people if person is not None]


@settings(max_examples=50)
@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}))
def test_a_person_is_in_every_group_of_their_traits(traits: dict[str, str]) -> None:
    groups = list(groups_of(traits))  # type: ignore[arg-type]

    assert len(groups) == len(set(groups)) == 2 ** len(traits) - 1
    assert not traits or groups[-1] == group_name(traits)  # type: ignore[arg-type]


def test_age_bands_are_the_surveys() -> None:
    assert [band(age) for age in (16, 29, 30, 49, 50, 99)] == [
        BANDS[0],
        BANDS[0],
        BANDS[1],
        BANDS[1],
        BANDS[2],
        BANDS[2],
    ]


def test_groups_are_sums_of_weights_and_small_ones_tell_only_their_size(tmp_path: Path) -> None:
    path = write_wvs(tmp_path / "wvs.csv", {"TUR": 200})
    survey = imported(path, tmp_path / "survey")
    women = [one for one in people_of(path) if one.traits["sex"] == "female" and "Q27" in one.answers]
    few = [one for one in women if one.traits["age"] == "16-29" and one.traits["education"] == "higher"]

    cell = survey.group("wvs7:Q27", "TUR", {"sex": "female"})
    small = survey.group("wvs7:Q27", "TUR", {"sex": "female", "age": "16-29", "education": "higher"})

    assert cell is not None
    assert cell.counts is not None
    assert cell.respondents == len(women)
    for code in (1, 2, 3, 4):
        assert cell.counts[code] == pytest.approx(
            sum(one.weight for one in women if one.answers["Q27"] == code), abs=1e-5
        )
    assert 0 < len(few) < MINIMUM
    assert small is not None
    assert (small.respondents, small.counts) == (len(few), None)
    assert survey.attributes == ("sex", "age", "education")
    with pytest.raises(CultureParkError, match="is held out for measurement"):
        survey.group("wvs7:Q158", "TUR", {"sex": "female"})


def test_stances_by_sex_are_those_of_women_and_men(tmp_path: Path) -> None:
    survey = imported(write_wvs(tmp_path / "wvs.csv", {"TUR": 400, "USA": 400}), tmp_path / "survey")

    for talk in cast(survey, ground_by=["sex"], talks=60).talks:
        for seat in talk.seats:
            stance = seat.stance
            assert stance is not None
            assert stance.like is not None
            assert stance.like.traits == {"sex": seat.persona.gender}
            assert stance.gender_basis == "answers by sex"
            assert (talk.question.scale.side(stance.code) == "below") == (seat.persona.gender == "female") or (
                len(talk.question.scale.codes) % 2 == 1
            )
            everybody = survey.distribution(talk.question.id, seat.culture.country)
            assert everybody is not None
            assert stance.share == everybody.shares[stance.code]
            assert stance.like.share > stance.share
    (talk,) = cast(survey, questions=["Q27"]).talks
    assert talk.seats[0].stance is not None
    assert talk.seats[0].stance.gender_basis == "name cue only"


def test_a_group_that_is_too_small_gives_way_to_a_larger_one_with_a_note(tmp_path: Path) -> None:
    survey = imported(write_wvs(tmp_path / "wvs.csv", {"TUR": 70}, missing=0), tmp_path / "survey")
    chosen = {"ground_by": ["sex", "age", "education"], "questions": ["Q27"], "genders": "female", "talks": 2}

    casting = cast(survey, **chosen)

    held = [seat.stance for talk in casting.talks for seat in talk.seats]
    assert [stance.like and stance.like.traits for stance in held if stance] == [None, {"sex": "female"}] * 2
    assert casting.notes == (
        "2 seat(s): english_lily has no trait 'education', so people of any education stand for it",
        "2 seat(s): turkish_ayse has no trait 'education', so people of any education stand for it",
        "2 seat(s): fewer than 30 respondents of TUR with sex=female, age=30-49 (10 at the fewest), so sex=female instead",
        "2 seat(s): fewer than 30 respondents of USA with sex=female (0 at the fewest), so all its people instead",
        "2 seat(s): fewer than 30 respondents of USA with sex=female, age=30-49 (0 at the fewest), so sex=female instead",
    )


def test_countries_that_were_not_imported_are_answered_for_by_the_shipped_survey(tmp_path: Path) -> None:
    survey = imported(write_wvs(tmp_path / "wvs.csv", {"TUR": 40}), tmp_path / "survey")
    shipped = load_survey("wvs7")

    assert survey.countries == shipped.countries
    assert survey.distribution("wvs7:Q27", "USA") == shipped.distribution("wvs7:Q27", "USA")
    turkey = survey.distribution("wvs7:Q27", "TUR")
    assert turkey is not None
    assert turkey.counted == "weights"
    assert turkey.total < 60


def respondent(path: Path, survey: Survey, **chosen: object) -> list[CastTalk]:
    return list(cast(survey, stance="respondent", respondents=str(path), **chosen).talks)


def test_one_respondent_a_seat_answers_every_question_of_a_replicate(tmp_path: Path) -> None:
    path = write_wvs(tmp_path / "wvs.csv", {"TUR": 90, "USA": 90}, missing=0)
    people = load_respondents(path, countries={"TUR", "USA"})
    rows = {people.reference(person): person for person in people_of(path)}

    talks = respondent(path, load_survey("wvs7"), talks=90)

    assert len(talks) == 90
    by_seat: dict[tuple[int, int], set[str]] = defaultdict(set)
    for talk in talks:
        for place, seat in enumerate(talk.seats):
            stance = seat.stance
            assert stance is not None
            assert stance.respondent is not None
            person = rows[stance.respondent.reference]
            assert person.country == stance.country == seat.culture.country
            assert person.answers[talk.question.id[5:]] == stance.code
            by_seat[talk.replicate, place].add(stance.respondent.reference)
    assert {len(references) for references in by_seat.values()} == {1}
    assert len({reference for references in by_seat.values() for reference in references}) == 6
    assert talks == respondent(path, load_survey("wvs7"), talks=90)
    assert talks[:30] == respondent(path, load_survey("wvs7"), talks=30)


def test_respondents_are_drawn_by_weight(tmp_path: Path) -> None:
    lines = ["B_COUNTRY_ALPHA,W_WEIGHT,Q27", *(["TUR,3,1"] * 10), *(["TUR,1,2"] * 10), *(["TUR,0,3"] * 10)]
    (tmp_path / "wvs.csv").write_text("\n".join(lines), encoding="utf-8")

    talks = respondent(tmp_path / "wvs.csv", load_survey("wvs7"), questions=["Q27"], talks=100)

    codes = [talk.seats[1].stance.code for talk in talks if talk.seats[1].stance]
    assert [codes.count(code) for code in (1, 2, 3)] == pytest.approx([75, 25, 0], abs=2)
    stance = talks[0].seats[1].stance
    assert stance is not None
    assert (stance.n, stance.weighted, stance.share) == (40, True, {1: 0.75, 2: 0.25}[stance.code])


def test_who_did_not_answer_is_stood_in_for_and_nobody_talks_to_themselves(tmp_path: Path) -> None:
    path = write_wvs(tmp_path / "wvs.csv", {"TUR": 40}, missing=0.5)

    for talk in respondent(path, load_survey("wvs7"), cast="in-culture", talks=120):
        references = [seat.stance.respondent.reference for seat in talk.seats if seat.stance and seat.stance.respondent]
        assert len(set(references)) == 2


def test_respondents_of_the_personas_gender_and_of_the_wanted_side(tmp_path: Path) -> None:
    path = write_wvs(tmp_path / "wvs.csv", {"TUR": 200, "USA": 200})

    for talk in respondent(path, load_survey("wvs7"), ground_by=["sex"], questions=["Q27"], talks=20):
        for seat in talk.seats:
            assert seat.stance is not None
            assert seat.stance.side == ("below" if seat.persona.gender == "female" else "above")
    for talk in respondent(path, load_survey("wvs7"), pair="conflict", questions=["Q27"], talks=20):
        assert len({seat.stance.side for seat in talk.seats if seat.stance}) == 2


@pytest.mark.parametrize(("women", "weight", "like"), [(30, "1", {"sex": "female"}), (29, "1", None), (40, "0", None)])
def test_respondents_like_the_persona_must_be_enough_and_stand_for_somebody(
    women: int, weight: str, like: dict[str, str] | None, tmp_path: Path
) -> None:
    rows = [*["TUR,1,1,1"] * 40, *["TUR,1,2,2"] * 20, *[f"TUR,{weight},2,2"] * (women - 20)]
    (tmp_path / "wvs.csv").write_text("\n".join(["B_COUNTRY_ALPHA,W_WEIGHT,Q260,Q27", *rows]), encoding="utf-8")

    (talk,) = respondent(
        tmp_path / "wvs.csv", load_survey("wvs7"), ground_by=["sex"], questions=["Q27"], genders="female", talks=1
    )

    assert talk.seats[1].stance is not None
    assert (talk.seats[1].stance.like and talk.seats[1].stance.like.traits) == like


def test_a_reference_cannot_be_followed_back_without_the_file(tmp_path: Path) -> None:
    path = write_wvs(tmp_path / "wvs.csv", {"TUR": 40})
    people = load_respondents(path, countries={"TUR"})
    first = people_of(path)[0]

    assert people.reference(first) != people.reference(first._replace(row=first.row + " "))
    assert people.reference(first) == load_respondents(path, countries={"TUR"}).reference(first)


@pytest.mark.parametrize(
    ("country", "chosen", "message"),
    [
        ("KOR", {}, "{path}: no respondents of TUR for culture 'turkish' (it has none of the cast's countries); choose "
         "other cultures or another file"),
        ("TUR", {"respondents": "none.csv"}, "none.csv: there is no such file; `respondents` is your own WVS wave 7 CSV"),
        ("TUR", {"questions": ["Q36"], "cultures": ["arabic"]}, "{path}: no respondents of JOR for culture 'arabic' (it has "
         "none of the cast's countries); choose other cultures or another file"),
    ],
)  # fmt: skip
def test_mistakes_are_one_clear_line(country: str, chosen: dict[str, object], message: str, tmp_path: Path) -> None:
    path = write_wvs(tmp_path / "wvs.csv", {country: 40})
    with pytest.raises(CultureParkError) as refused:
        cast(load_survey("wvs7"), **{"stance": "respondent", "respondents": str(path), **chosen})
    assert str(refused.value) == message.format(path=path)


def test_a_main_contact_without_respondents_is_sampled_with_a_note(tmp_path: Path) -> None:
    path = write_wvs(tmp_path / "wvs.csv", {"TUR": 40})

    casting = cast(load_survey("wvs7"), stance="respondent", respondents=str(path), questions=["Q27"])

    chosen = [seat.stance.chosen for seat in casting.talks[0].seats if seat.stance]
    assert chosen == ["sampled", "respondent"]
    assert casting.notes == (
        f"no respondents of USA in {path}: the main contact's stances are sampled from the survey",
    )


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("TUR,1,3,40,1,1", "column Q260: 3 is no code of sex; expected 1 (male) or 2 (female)"),
        ("TUR,1,f,40,1,1", "column Q260: 'f' is no code of sex; expected 1 (male) or 2 (female)"),
        ("TUR,1,1,400,1,1", "column Q262: 400 is no code of age; expected 0 to 120 years"),
        ("TUR,1,1,40,4,1", "column Q275R: 4 is no code of education; expected 1 (lower) to 3 (higher)"),
        ("TUR,-1,1,40,1,1", "column W_WEIGHT: a weight cannot be -1; correct the file"),
        ("TUR,nan,1,40,1,1", "column W_WEIGHT: a weight cannot be nan; correct the file"),
        ("TUR,,1,40,1,1", "column W_WEIGHT: '' is not a number; correct the file"),
    ],
)
def test_a_row_that_is_no_answer_sheet_is_named(cells: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wvs.csv"
    path.write_text(f"B_COUNTRY_ALPHA,W_WEIGHT,Q260,Q262,Q275R,Q27\nTUR,1,-5,,-2,1\n{cells}\n", encoding="utf-8")
    with pytest.raises(CultureParkError) as refused:
        import_wvs(path)
    assert str(refused.value) == f"{path}:3, {message}"


def test_a_spoilt_groups_file_is_named(tmp_path: Path) -> None:
    imported(write_wvs(tmp_path / "wvs.csv", {"TUR": 40}), tmp_path / "survey")
    (tmp_path / "survey/groups.csv").write_text("head\nTUR,Q27,sex=female,x,1,2\n", encoding="utf-8")
    load_survey.cache_clear()
    with pytest.raises(CultureParkError) as refused:
        cast(load_survey(str(tmp_path / "survey")), ground_by=["sex"])
    assert str(refused.value) == (
        f"{tmp_path / 'survey'}/groups.csv:2: 'TUR,Q27,sex=female,x,1,2' is not country,question,group,respondents,code,"
        "count (invalid literal for int() with base 10: 'x'); import the survey again"
    )
