"""Forms are held out, disjoint, alike in their batteries, and the same for the same seed."""

from collections import Counter

import pytest

from culturepark.benchmarks.education.forms import make_forms, upper_words
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.errors import CultureParkError


@pytest.mark.parametrize("name", load_roster().delegate_cultures)
def test_forms_of_every_shipped_culture(name: str) -> None:
    survey, culture = load_survey("wvs7"), load_roster().culture(name)

    forms = make_forms(survey, culture, seed=3)

    assert len(forms.a) == len(forms.b) == 6
    asked = [*forms.a, *forms.b]
    assert len({question.id for question in asked}) == 12
    assert all(one.split == "held-out" and survey.was_asked(one.id, culture.country) for one in asked)
    batteries = [Counter(question.battery for question in form) for form in forms]
    for battery in {question.battery for question in asked}:
        assert abs(batteries[0][battery] - batteries[1][battery]) <= 1
    assert make_forms(survey, culture, seed=3) == forms
    assert make_forms(survey, culture, seed=4) != forms
    assert forms.in_order("BA") == (forms.b, forms.a)


def test_too_few_held_out_questions_are_one_line() -> None:
    with pytest.raises(CultureParkError) as caught:
        make_forms(load_survey("wvs7"), load_roster().culture("chinese"), seed=0, questions=7)

    assert str(caught.value) == (
        "chinese: China was asked 12 held-out questions of wvs7, and two forms of 7 need 14; "
        "use forms of 6 or another culture"
    )


@pytest.mark.parametrize(
    ("question", "words"),
    [
        pytest.param("wvs7:Q122", "“agree”", id="three-points"),
        pytest.param("wvs7:Q133", "“not often” or “not at all”", id="four-points"),
        pytest.param(
            "wvs7:Q158",
            "6 to 10 on a scale from 1 to 10 (1 means “completely disagree”, 10 means “completely agree”)",
            id="ten-points",
        ),
    ],
)
def test_the_upper_half_in_words(question: str, words: str) -> None:
    assert upper_words(load_survey("wvs7").questions[question]) == words
