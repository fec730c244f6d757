"""Questions in other languages: whole files only, correct fillings, and casts that speak them."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from culturepark.personas.casting import CastSettings, CastTalk, cast_talks
from culturepark.personas.language import serving
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.import_wvs import Imported, write_survey
from culturepark.personas.surveys.survey import load_survey
from culturepark.personas.talk_language import worded
from culturepark.runtime.errors import CultureParkError
from tests.conftest import ROOT

ROSTER, SURVEY = load_roster(), load_survey("wvs7")
LANGUAGES = ("ar", "bn", "de", "es", "ko", "pt", "tr", "zh")
WVS7 = ROOT / "personas/surveys/wvs7"
LETTERS = {"ar": "\u0600-\u06ff", "bn": "\u0980-\u09ff", "zh": "\u4e00-\u9fff", "ko": "\uac00-\ud7a3"}


def test_the_shipped_survey_is_in_eight_languages_besides_english() -> None:
    assert SURVEY.languages == LANGUAGES
    assert {culture.language for culture in ROSTER.cultures.values()} == {
        "en", "ar", "bn", "de", "es-AR", "ko", "pt-BR", "tr", "zh",
    }  # fmt: skip
    assert all(serving(culture.language, ("en", *LANGUAGES)) for culture in ROSTER.cultures.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_and_every_code_is_worded_and_waits_for_review(language: str) -> None:
    for question in SURVEY.questions.values():
        wording = SURVEY.wording(question.id, language)

        assert tuple(wording.told) == question.scale.codes
        assert set(wording.labels) == set(question.scale.labels)
        assert len(set(wording.told.values())) == len(question.scale.codes), question.id
        assert not wording.reviewed
        assert wording.reviewer.startswith("a native speaker of ")
        texts = [wording.text, wording.topic, *wording.labels.values(), *wording.told.values()]
        for text in texts:
            assert text == text.strip()
            assert not re.search(r"[{}]|\s\s|[.。।]{2}|\bNone\b", text)
            assert text not in {question.text["en"], question.topic, *question.words.values()}
            if language in LETTERS:
                assert len(re.findall(f"[{LETTERS[language]}]", text)) >= 0.6 * sum(map(str.isalpha, text))
        # A whole sentence ends as its language ends sentences, and a question is asked.
        assert all(told.endswith({"zh": "。", "bn": "।"}.get(language, ".")) for told in wording.told.values())
        mark = {"ar": "؟", "zh": "？"}.get(language, "?")
        assert wording.text.endswith(mark) == (question.form == "question")


@pytest.mark.parametrize(
    ("language", "question", "code", "told"),
    [
        ("tr", "Q27", 2, "Sence anne babasını gururlandırmak insanın hayattaki başlıca amaçlarından biridir."),
        ("tr", "Q132", 4, "Anlattığına göre oturduğun yerde hiç soygun olmuyor."),
        ("de", "Q31", 4, "Du bist fest davon überzeugt, dass Frauen ein Unternehmen genauso gut leiten wie Männer."),
        ("de", "Q224", 4, "Du sagst, dass bei Wahlen in deinem Land die Stimmen nie ehrlich ausgezählt werden."),
        ("es-AR", "Q227", 3, "Según tu experiencia, en las elecciones de tu país pocas veces se compran votos."),
        ("pt-BR", "Q37", 5, "Você tem certeza de que ninguém deve filhos à sociedade."),
        ("zh", "Q29", 3, "你觉得女人治理国家和男人一样好。"),
        ("ko", "Q38", 4, "당신은 다 큰 자식이 나이 든 부모를 꼭 직접 돌볼 필요는 없다고 생각한다."),
        ("ar", "Q132", 3, "في رأيك، لا تحدث عمليات سرقة بالقوة كثيراً في منطقتك."),
        ("bn", "Q169", 1, "তুমি নিশ্চিত যে বিজ্ঞানের সঙ্গে বিরোধ হলে সব সময় ধর্মই ঠিক।"),
    ],
)
def test_a_stance_is_said_to_its_holder(language: str, question: str, code: int, told: str) -> None:
    assert SURVEY.wording(f"wvs7:{question}", language).told[code] == told


@pytest.mark.parametrize("question", [question.id for question in SURVEY.questions.values()])
def test_korean_clauses_take_the_quoting_ending(question: str) -> None:
    wording = SURVEY.wording(question, "ko")

    # "이다" and "아니다" would have to become "이라고" and "아니라고".
    assert not any(re.search(r"(이다|아니다)(고|는)\s", told) for told in wording.told.values())


def talks(**settings: Any) -> list[CastTalk]:
    chosen = CastSettings.model_validate({"questions": ("Q27",), **settings})
    return list(cast_talks(chosen, ROSTER, SURVEY, seed=1).talks)


def test_in_english_nothing_of_other_languages_is_in_a_talk() -> None:
    for talk in talks():
        assert talk.question == SURVEY.question("Q27")
        assert "topics" not in talk.model_dump()["question"]
        for seat in talk.seats:
            assert seat.language == "en"
            assert seat.stance is not None
            assert "told" not in seat.stance.model_dump()


def test_native_puts_everybody_into_the_language_of_the_delegate() -> None:
    (talk,) = talks(talk_language="native", cultures=("portuguese",))

    assert [seat.language for seat in talk.seats] == ["pt-BR", "pt-BR"]
    assert set(talk.question.text) == {"en", "pt"}
    assert talk.question.text_in("pt-BR") == "Dar orgulho aos meus pais foi um dos grandes objetivos da minha vida."
    assert talk.question.topic_in("pt-BR") == "dar orgulho aos pais"
    assert talk.question.topic_in("en") == "making one's parents proud"
    for seat in talk.seats:
        stance = seat.stance
        assert stance is not None
        assert stance.words == SURVEY.question("Q27").words[stance.code]
        assert stance.told == SURVEY.wording("wvs7:Q27", "pt").told[stance.code]


@pytest.mark.parametrize(
    ("cast", "languages"),
    [
        ({"cast": "panel", "cultures": ("arabic", "korean", "turkish")}, ["en", "ar", "ko", "tr"]),
        ({"cast": "cross", "cultures": ("spanish",)}, ["en", "es-AR"]),
        ({"cast": "in-culture", "cultures": ("german",)}, ["de", "de"]),
    ],
)
def test_mixed_lets_everybody_speak_the_language_of_their_culture(cast: dict[str, Any], languages: list[str]) -> None:
    talk = talks(talk_language="mixed", **cast)[0]

    assert [seat.language for seat in talk.seats] == languages
    assert len(talk.question.text) == len({*languages, "en"})
    assert [seat.stance is not None and seat.stance.told is not None for seat in talk.seats] == [
        language != "en" for language in languages
    ]


def test_seats_can_be_worded_anew_when_somebody_changes_language() -> None:
    (native,) = talks(talk_language="native", cultures=("turkish",))
    (english,) = talks(cultures=("turkish",))
    seats = [seat.model_copy(update={"language": "en"}) for seat in native.seats]

    assert worded(native.question, seats, SURVEY) == (english.question, english.seats)


def test_the_same_people_hold_the_same_stances_in_every_language() -> None:
    def held(choice: str) -> list[tuple[str, int | None]]:
        return [
            (seat.id, seat.stance and seat.stance.code) for talk in talks(talk_language=choice) for seat in talk.seats
        ]

    assert held("en") == held("native") == held("mixed")


def test_without_stances_native_talks_have_the_question_alone() -> None:
    (talk,) = talks(talk_language="native", cultures=("korean",), stance="none")

    assert talk.question.topic_in("ko") == "부모님을 자랑스럽게 해 드리기"
    assert all(seat.stance is None for seat in talk.seats)


def greek(tmp_path: Path) -> Path:
    (tmp_path / "greek.yaml").write_text(
        "culture: {id: greek, people: Greek, language: el, country: TUR, country_name: Greece, hofstede: Greece}\n"
        "personas: [{name: Nikos, gender: male}]\n",
        encoding="utf-8",
    )
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"talk_language": "native", "cast": "panel", "cultures": ("arabic", "korean", "turkish")},
         "talk_language 'native' needs delegates of one language, and here sit arabic (ar), korean (ko), turkish (tr); "
         "use 'mixed', where everybody speaks their own"),
        ({"talk_language": "native", "cultures": ("greek",)},
         "question wvs7:Q27 has no wording in 'el' (the survey is in: en, ar, bn, de, es, ko, pt, tr, zh); write "
         "languages/el.yaml beside its questions.yaml, or ask in English"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_one_clear_line(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    chosen = CastSettings.model_validate({"questions": ("Q27",), **settings})

    with pytest.raises(CultureParkError) as refused:
        cast_talks(chosen, load_roster([greek(tmp_path)]), SURVEY, seed=1)

    assert str(refused.value) == message


def survey_with(folder: Path, change: Callable[[dict[str, Any]], Any], name: str = "tr.yaml") -> str:
    """A survey folder whose Turkish file was changed."""
    shutil.copytree(WVS7, folder / "mine")
    path = folder / "mine/languages/tr.yaml"
    data = yaml.safe_load(path.read_text("utf-8"))
    change(data)
    path.unlink()
    (folder / "mine/languages" / name).write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")
    return str(folder / "mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda file: file["questions"].pop("Q28"), "questions: missing: Q28", id="question"),
        pytest.param(lambda file: file["questions"].update(Q999=file["questions"]["Q27"]), "questions: unknown: Q999", id="odd"),
        pytest.param(lambda file: file["scales"].pop("rights"), "scales: missing: rights", id="scale"),
        pytest.param(lambda file: file["scales"]["agree5"]["told"].pop(3), "sentences of scale agree5: missing: 3", id="code"),
        pytest.param(lambda file: file["scales"]["agree5"]["labels"].pop(3), "labels of scale agree5: missing: 3", id="label"),
        pytest.param(lambda file: file["scales"]["elections"]["often"].pop(2),
                     "Q224, claim for code 2: 'oylar {often} dürüstçe sayılıyor' cannot be filled in ('often'); correct the "
                     "braces", id="adverb"),
        pytest.param(lambda file: file["questions"]["Q27"].pop("denial"),
                     "Q27, sentence of code 3: 'Sence {denial}.' cannot be filled in ('denial'); correct the braces", id="denial"),
        pytest.param(lambda file: file["scales"]["agree4"]["told"].update({1: "{iddia}."}),
                     "Q27, sentence of code 1: '{iddia}.' cannot be filled in ('iddia'); correct the braces", id="brace"),
        pytest.param(lambda file: file["questions"]["Q27"].update(text=""),
                     "questions.Q27.text = '': string should have at least 1 character", id="empty"),
        pytest.param(lambda file: file.pop("reviewed"), "field 'reviewed' is missing", id="review"),
        pytest.param(lambda file: file.update(language="az"), "language is 'az'; name the file az.yaml", id="language"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_whole_is_named(
    change: Callable[[dict[str, Any]], Any], message: str, tmp_path: Path
) -> None:
    source = survey_with(tmp_path, change)

    with pytest.raises(CultureParkError) as refused:
        load_survey(source).wording("wvs7:Q27", "tr")

    assert str(refused.value) == f"{source}/languages/tr.yaml: {message}"


def test_a_broken_translation_does_not_touch_talks_in_english(tmp_path: Path) -> None:
    source = survey_with(tmp_path, lambda file: file["questions"].clear())

    assert load_survey(source).question("Q27") == SURVEY.question("Q27")


def test_an_imported_survey_keeps_the_languages(tmp_path: Path) -> None:
    counts = {("JOR", "Q27", code): 1.0 for code in (1, 2, 3, 4)}
    write_survey(Imported(counts, {"JOR": 4}, "respondents", (), 0, {}), tmp_path / "mine")

    assert load_survey(str(tmp_path / "mine")).languages == LANGUAGES
    assert load_survey(str(tmp_path / "mine")).wording("wvs7:Q27", "ar") == SURVEY.wording("wvs7:Q27", "ar")
