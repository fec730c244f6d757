"""Shipped counts are those of the real files; importers survive every trap of theirs."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from culturepark.cli import app
from culturepark.personas.surveys.contrast import contrast
from culturepark.personas.surveys.explore import distance, explore_survey
from culturepark.personas.surveys.heldout import held_out_distribution
from culturepark.personas.surveys.import_goqa import import_goqa, write_goqa
from culturepark.personas.surveys.import_wvs import import_wvs, write_survey
from culturepark.personas.surveys.survey import Distribution, load_survey
from culturepark.runtime.errors import CultureParkError

RAW = {
    "JOR": "arabic_jordan",
    "BGD": "bengali_bangladesh",
    "CHN": "chinese_china",
    "DEU": "german_germany",
    "KOR": "korean_south_korea",
    "BRA": "portuguese_brazil",
    "ARG": "spanish_argentina",
    "TUR": "turkish_turkey",
}
HEADER = "B_COUNTRY,B_COUNTRY_ALPHA,Q27,Q28\n"


def shipped_counts() -> dict[tuple[str, str, int], float]:
    path = Path(str(__import__("culturepark.personas.surveys", fromlist=["x"]).__path__[0])) / "wvs7/counts.csv"
    with path.open(encoding="utf-8") as file:
        return {
            (row["country"], row["question"], int(row["code"])): float(row["count"]) for row in csv.DictReader(file)
        }


@pytest.mark.parametrize("country", RAW)
def test_shipped_counts_are_those_of_the_raw_files(country: str, shared_data: Path) -> None:
    imported = import_wvs(shared_data / f"wvs/raw/{RAW[country]}.csv", countries=[country])

    assert imported.counted == "respondents"
    assert imported.counts == {key: count for key, count in shipped_counts().items() if key[0] == country}


def test_shipped_counts_of_the_usa_are_the_published_aggregate(shared_data: Path) -> None:
    with (shared_data / "wvs/wvs7_distribution_usa.csv").open(encoding="utf-8") as file:
        expected = {("USA", row["question"], int(row["code"])): float(row["count"]) for row in csv.DictReader(file)}

    assert {key: count for key, count in shipped_counts().items() if key[0] == "USA"} == expected


def test_questions_not_asked_have_no_distribution() -> None:
    survey = load_survey("wvs7")

    assert survey.distribution("wvs7:Q36", "JOR") is None
    not_asked = [q.id for q in survey.questions.values() if not survey.was_asked(q.id, "CHN")]
    assert len(not_asked) == 18


def test_split_leaves_every_country_twelve_held_out_questions() -> None:
    survey = load_survey("wvs7")
    held_out = [question.id for question in survey.questions.values() if question.split == "held-out"]
    batteries = {question.battery: question.split for question in survey.questions.values()}

    assert len(held_out) == 20
    assert all(question.split == batteries[question.battery] for question in survey.questions.values())
    asked = {country: sum(survey.was_asked(q, country) for q in held_out) for country in survey.countries}
    assert asked == dict.fromkeys(survey.countries, 20) | {"CHN": 12}


def test_scales_are_the_surveys() -> None:
    questions = load_survey("wvs7").questions

    assert questions["wvs7:Q31"].scale.codes == (1, 2, 3, 4)
    assert questions["wvs7:Q122"].scale.codes == (0, 1, 2)
    assert questions["wvs7:Q122"].scale.side(1) == "unsure"
    assert questions["wvs7:Q158"].scale.labels == {1: "completely disagree", 10: "completely agree"}
    assert [questions["wvs7:Q158"].scale.side(code) for code in (5, 6)] == ["below", "above"]
    assert questions["wvs7:Q33"].scale.side(3) == "mid"


def test_every_stance_reads_as_a_clause_of_our_own() -> None:
    for question in load_survey("wvs7").questions.values():
        assert len(set(question.words.values())) == len(question.scale.codes), question.id
        for words in question.words.values():
            assert "{" not in words
            assert not words.endswith((" ", "."))


def test_held_out_answers_need_the_benchmarks_door() -> None:
    survey = load_survey("wvs7")

    with pytest.raises(CultureParkError) as refused:
        survey.distribution("wvs7:Q158", "DEU")

    assert str(refused.value) == (
        "question 'wvs7:Q158' is held out for measurement, so no talk may use its answers; "
        "`culturepark surveys list` shows the seed questions"
    )
    found = held_out_distribution(survey, "wvs7:Q158", "DEU")
    assert found is not None
    assert found.n == 1514


def test_unknown_question_names_the_closest() -> None:
    with pytest.raises(CultureParkError, match=r"no question named 'wvs7:Q270'; did you mean 'wvs7:Q27'\?"):
        load_survey("wvs7").question("wvs7:Q270")


@pytest.mark.parametrize(
    ("text", "encoding", "counts"),
    [
        pytest.param(HEADER + "400,JOR,1,2\n400,JOR,1,-1\n", "utf-8", {1: 2.0}, id="plain"),
        pytest.param(HEADER + "400,JOR,1,2\nAvg,,1.48,2.3\n", "utf-8", {1: 1.0}, id="summary-row"),
        pytest.param("\ufeff" + HEADER + "400,JOR,1,2\n", "utf-8", {1: 1.0}, id="byte-order-mark"),
        pytest.param(HEADER.replace(",", ";") + "400;JOR;2;2\n", "utf-8", {2: 1.0}, id="semicolons"),
        pytest.param("b_country_alpha,q27,note\nJOR,1,José\n", "cp1252", {1: 1.0}, id="case-and-windows-encoding"),
        pytest.param("B_COUNTRY_ALPHA,W_WEIGHT,Q27\nJOR,0.5,1\nJOR,1.25,1\n", "utf-8", {1: 1.75}, id="weights"),
        pytest.param(HEADER + "400,JOR,1.0,\n", "utf-8", {1: 1.0}, id="codes-as-decimals-and-empty-cells"),
    ],
)
def test_wvs_layouts(text: str, encoding: str, counts: dict[int, float], tmp_path: Path) -> None:
    path = tmp_path / "wvs.csv"
    path.write_bytes(text.encode(encoding))

    imported = import_wvs(path)

    assert {code: n for (_, item, code), n in imported.counts.items() if item == "Q27" and n} == counts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            HEADER + "400,JOR,5,1\n",
            "{path}:2, column Q27: code 5 is not on the scale [1, 2, 3, 4]; correct the file",
            id="code-off-the-scale",
        ),
        pytest.param(
            HEADER + "400,JOR,agree,1\n",
            "{path}:2, column Q27: 'agree' is not an answer code; expected [1, 2, 3, 4]",
            id="label-instead-of-code",
        ),
        pytest.param(
            "country,Q27\nJOR,1\n",
            "{path}: no column B_COUNTRY_ALPHA; give the WVS wave 7 CSV in its official layout (found: country, q27, …)",
            id="another-layout",
        ),
        pytest.param(
            "B_COUNTRY_ALPHA,Q900\nJOR,1\n",
            "{path}: none of the items Q27 … Q233 is a column; is this wave 7?",
            id="another-wave",
        ),
        pytest.param(HEADER, "{path}: no respondents of any country; found: none", id="no-rows"),
    ],
)
def test_wvs_mistakes_are_one_clear_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wvs.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(CultureParkError) as refused:
        import_wvs(path)

    assert str(refused.value) == message.format(path=path)


def test_an_imported_folder_is_a_survey(shared_data: Path, tmp_path: Path) -> None:
    write_survey(import_wvs(shared_data / "wvs/raw/greek_greece_sample.csv"), tmp_path / "greece")

    survey = load_survey(str(tmp_path / "greece"))

    found = survey.distribution("wvs7:Q27", "GRC")
    assert found is not None
    with (shared_data / "wvs/wvs7_distribution_greece_sample.csv").open(encoding="utf-8") as file:
        expected = {int(row["code"]): float(row["count"]) for row in csv.DictReader(file) if row["question"] == "Q27"}
    assert found.counts == expected


def test_goqa_slice(shared_data: Path, tmp_path: Path) -> None:
    imported = import_goqa(shared_data / "opinion/goqa_slice.csv")
    write_goqa(imported, tmp_path / "goqa")
    survey = load_survey(str(tmp_path / "goqa"))

    assert len(survey.questions) == 320
    for question in survey.questions.values():
        labels = [label.lower() for label in question.scale.labels.values()]
        assert not any(
            label.startswith(("don't know", "no answer", "dk", "missing", "other missing")) for label in labels
        )
        ours = load_survey("wvs7").questions.get(question.same_as or "")
        assert question.split == (ours.split if ours else "held-out")
    votes = next(q for q in survey.questions.values() if q.same_as == "wvs7:Q224")
    germany = survey.distribution(votes.id, "DEU")
    assert germany is not None
    assert germany.n is None
    assert sum(germany.shares.values()) == pytest.approx(1)


def test_goqa_mistakes_are_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "goqa.csv"
    path.write_text("question,selections,options,source\nQ?,__import__('os'),['a'],GAS\n", encoding="utf-8")

    with pytest.raises(CultureParkError) as refused:
        import_goqa(path)

    assert str(refused.value) == f"{path}:2: \"__import__('os')\" is not a Python dict; is this the upstream layout?"


@given(
    st.dictionaries(st.integers(1, 5), st.integers(0, 50), min_size=2).filter(lambda counts: sum(counts.values()) > 0)
)
def test_quantiles_run_through_the_distribution(counts: dict[int, int]) -> None:
    answers = Distribution(question="q", country="JOR", counts=counts, counted="respondents")
    n = sum(counts.values())

    drawn = [answers.quantile((number + 0.5) / n) for number in range(n)]

    assert {code: drawn.count(code) for code in counts} == counts


def test_distance_is_zero_for_equal_and_one_for_disjoint_answers() -> None:
    def answers(*counts: int) -> Distribution:
        return Distribution(question="q", country="JOR", counts=dict(enumerate(counts, start=1)), counted="respondents")

    assert distance(answers(3, 1), answers(30, 10)) == pytest.approx(0, abs=1e-7)
    assert distance(answers(1, 0), answers(0, 1)) == pytest.approx(1)


def test_exploration_orders_by_spread_and_leaves_unasked_countries_out() -> None:
    found = explore_survey(load_survey("wvs7"))

    spreads = [item.spread for item in found.questions]
    assert spreads == sorted(spreads, reverse=True)
    assert len(found.questions) == 30
    assert "JOR" not in next(item for item in found.questions if item.question == "wvs7:Q36").entropy


def test_contrast_picks_what_two_countries_disagree_on_most() -> None:
    survey = load_survey("wvs7")

    found = contrast(survey, "JOR", "KOR")

    assert [item.question for item in found[:3]] == ["wvs7:Q169", "wvs7:Q170", "wvs7:Q38"]
    distances = [item.distance for item in found]
    assert distances == sorted(distances, reverse=True)
    assert len(found) == 28
    first = survey.distribution("wvs7:Q169", "JOR")
    second = survey.distribution("wvs7:Q169", "KOR")
    assert first is not None
    assert second is not None
    assert found[0].distance == distance(first, second)
    assert [(top.country, top.label, round(top.share, 2)) for top in found[0].top] == [
        ("JOR", "agree strongly", 0.89),
        ("KOR", "disagree", 0.53),
    ]
    assert [item.distance for item in contrast(survey, "KOR", "JOR")] == distances


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["arabic"], "--culture 'arabic' names 1, and a contrast has two; write e.g. arabic,korean"),
        (["arabic,arabic"], "--culture arabic,arabic: both are grounded in JOR, so their answers are the same"),
        (["arabic,korea"], "no culture named 'korea'; did you mean 'korean'? Known: arabic, bengali, chinese, english, "
         "german, korean, portuguese, spanish, turkish."),
    ],
)  # fmt: skip
def test_contrast_mistakes_are_one_clear_line(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["surveys", "contrast", "--culture", *arguments])

    assert isinstance(done.exception, CultureParkError)
    assert str(done.exception) == message


def test_contrast_prints_a_list_to_paste() -> None:
    command = ["surveys", "contrast", "--culture", "arabic,korean", "--limit", "2"]
    text = CliRunner().invoke(app, command).stdout
    document = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)

    assert text.splitlines()[-1] == "--culture arabic,korean --question wvs7:Q169,wvs7:Q170"
    assert document["question"] == "wvs7:Q169,wvs7:Q170"
    assert document["questions"][0]["top"][1] == {
        "country": "KOR", "code": 3, "label": "disagree", "share": pytest.approx(0.53, abs=0.01),
    }  # fmt: skip
