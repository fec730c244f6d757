"""Prompts and turn checks in nine languages."""

from typing import Any, get_args

import pytest

from culturepark.personas.casting import CastSettings, CastTalk, cast_talks
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.protocols.catalogue import load_protocol
from culturepark.protocols.turn import Flag
from culturepark.runtime.errors import CultureParkError
from culturepark.simulation import character, tongues
from culturepark.simulation.checks import Utterances, flags, tidy
from culturepark.simulation.plan import SimulateSettings, plan_talks
from culturepark.simulation.tongues import tongue_of

ROSTER, SURVEY = load_roster(), load_survey("wvs7")
CULTURES = {"ar": "arabic", "bn": "bengali", "de": "german", "es": "spanish", "ko": "korean", "pt": "portuguese",
            "tr": "turkish", "zh": "chinese"}  # fmt: skip


def cast(**settings: Any) -> list[CastTalk]:
    return list(cast_talks(CastSettings.model_validate(settings), ROSTER, SURVEY, seed=1).talks)


def test_the_english_path_is_untouched() -> None:
    for talk in cast():
        for seat in talk.seats:
            assert tongues.character_sheet(seat, talk.question) == character.character_sheet(seat, talk.question)
            assert tongues.next_line(seat, guidance="Ask.") == character.next_line(seat, guidance="Ask.")
            again = character.next_line(seat, again="Write in the language of the talk.")
            assert tongues.next_line(seat, faults=["wrong_language"]) == again
    assert tongues.announced("Now.") == character.announced("Now.")
    assert tongues.prompts_sha256(cast()[0].seats, mixed=False) == character.templates_sha256()


@pytest.mark.parametrize("language", CULTURES)
def test_every_language_has_words_for_everything(language: str) -> None:
    tongue = tongue_of(language)

    assert tongue is not None
    assert tongue.language == language
    assert set(tongue.again) == set(get_args(Flag))
    assert not tongue.reviewed
    for text, fields in {
        tongue.topic: ["topic", "text"],
        tongue.next: ["name", "direction", "belief", "again"],
        tongue.announced: ["guidance"],
        tongue.usual: ["percent"],
        tongue.minority: ["percent"],
    }.items():
        assert all(text.count(f"{{{field}}}") == 1 for field in fields)
        text.format(**dict.fromkeys(fields, ""))


@pytest.mark.parametrize(("language", "culture"), CULTURES.items())
def test_a_native_talk_is_asked_for_in_its_language(language: str, culture: str) -> None:
    for talk in cast(cultures=(culture,), talk_language="native", talks=6):
        english = SURVEY.question(talk.question.id)
        for seat in talk.seats:
            assert seat.stance is not None
            assert seat.stance.told is not None
            tongue = tongue_of(seat.language)
            assert tongue is not None
            sheet = tongues.character_sheet(seat, talk.question)
            line = tongues.next_line(seat, guidance="GUIDANCE", faults=["parrot"])

            assert talk.question.text_in(language) in sheet
            assert talk.question.topic_in(language) in sheet
            assert seat.stance.told in sheet
            assert seat.stance.told in line
            assert "GUIDANCE" in line
            assert tongue.again["parrot"] in line
            assert line.endswith(f"]\n{seat.name}:")
            assert english.text["en"] not in sheet + line
            assert english.topic not in sheet + line
            assert seat.stance.words not in sheet + line
            assert f"only in {tongue.name} ({tongue.own_name})" in sheet
            assert tongue.speaks in sheet
            assert not {"{", "}"} & set(sheet + line)


def test_the_last_thing_read_names_the_language() -> None:
    names = {"ar": "بالعربية", "bn": "বাংলায়", "de": "Deutsch", "es": "español", "ko": "한국어로", "pt": "português",
             "tr": "Türkçe", "zh": "中文"}  # fmt: skip
    for language, culture in CULTURES.items():
        (talk,) = cast(cultures=(culture,), questions=("Q27",), talk_language="native")
        line = tongues.next_line(talk.seats[1], guidance="GUIDANCE", faults=["empty", "truncated"])
        assert names[language] in line.splitlines()[-2][-30:]


def test_a_native_sheet_reads_like_this() -> None:
    (talk,) = cast(cultures=("turkish",), questions=("Q27",), talk_language="native", stance="mode", genders="female")

    assert tongues.character_sheet(talk.seats[1], talk.question).splitlines()[-5:] == [
        "Konu: anne babayı gururlandırmak. Anketteki madde: “Annemi babamı gururlandırmak hayattaki başlıca amaçlarımdan "
        "biri oldu.”",
        "Şundan eminsin: anne babasını gururlandırmak insanın hayattaki başlıca amaçlarından biridir.",
        "Ülkende çoğu insan böyle düşünüyor ve sen bundan hiç şüphe etmedin.",
        "Bu görüşten hiç vazgeçmiyorsun ve kendi hayatından nedenlerin var.",
        "Burada herkes Türkçe konuşuyor; sen de hep Türkçe konuşuyorsun.",
    ]
    assert tongues.next_line(talk.seats[1], guidance="Lily'ye sor.") == (
        "\n[Ayşe için yönerge: Lily'ye sor. Şundan eminsin: anne babasını gururlandırmak insanın hayattaki başlıca "
        "amaçlarından biridir. Birinci tekil kişiyle iki kısa cümle. Yalnızca Türkçe yaz.]\nAyşe:"
    )


def test_in_a_mixed_talk_everybody_is_told_that_others_speak_otherwise() -> None:
    talk = cast(cast="panel", cultures=("arabic", "korean", "turkish"), questions=("Q27",), talk_language="mixed")[0]
    lily, *others = talk.seats

    sheet = tongues.character_sheet(lily, talk.question, mixed=True)
    assert sheet == character.character_sheet(lily, talk.question) + "\n" + tongues.ENGLISH_MIXED.format(name=lily.name)
    assert "Write only in English.]" in tongues.next_line(lily, guidance="Ask.", mixed=True)
    for seat in others:
        tongue = tongue_of(seat.language)
        assert tongue is not None
        assert tongue.mixed in tongues.character_sheet(seat, talk.question, mixed=True)


def planned(**settings: Any) -> list[Any]:
    chosen = SimulateSettings.model_validate({"cultures": ["turkish"], "questions": ["Q27"], **settings})
    casting = cast_talks(chosen, ROSTER, SURVEY, seed=1)
    return list(plan_talks(casting.talks, chosen, load_protocol("free-chat"), model="m", seed=1))


def test_language_is_part_of_an_id_only_where_it_changes_the_talk() -> None:
    (english,), (native,), (mixed,) = (planned(talk_language=choice) for choice in ("en", "native", "mixed"))

    assert [talk.language for talk in (english, native, mixed)] == ["en", "tr", "mul"]
    assert len({english.id, native.id, mixed.id}) == 3
    changed = {key for key in english.inputs if english.inputs[key] != native.inputs[key]}
    assert changed == {"question", "seats", "templates", "language"}
    at_home = {"cultures": ["english"], "cast": "in-culture"}
    assert len({planned(talk_language=choice, **at_home)[0].id for choice in ("en", "native", "mixed")}) == 1


def test_a_language_without_prompts_is_named() -> None:
    with pytest.raises(CultureParkError) as refused:
        tongue_of("el")
    assert str(refused.value) == (
        "nobody can be asked for a line in 'el': prompts are in en, ar, bn, de, es, ko, pt, tr, zh; "
        "use talk_language 'en', or add simulation/prompts/languages/el.yaml"
    )


SAID = {
    "en": "My mother taught me that children should look after their parents when they are old.",
    "ar": "علمتني أمي أن على الأبناء رعاية والديهم عندما يكبرون في السن.",
    "bn": "মা আমাকে শিখিয়েছে যে বুড়ো বয়সে মা-বাবার দেখাশোনা সন্তানদেরই করা উচিত।",
    "de": "Von meiner Mutter weiß ich, dass man für die Eltern da sein muss, wenn sie alt sind.",
    "es-AR": "Mi madre me enseñó que los hijos tienen que cuidar a los padres cuando son viejos.",
    "ko": "어머니는 부모님이 늙으시면 자식이 돌봐야 한다고 가르치셨다.",
    "pt-BR": "Minha mãe me ensinou que os filhos têm que cuidar dos pais quando eles ficam velhos.",
    "tr": "Annem bana yaşlanınca anne babaya çocukların bakması gerektiğini öğretti.",
    "zh": "妈妈教我，父母老了，孩子就应该照顾他们。",
}


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("language", SAID)
def test_each_language_is_told_from_every_other(said: str, language: str) -> None:
    found = flags(SAID[said], said=Utterances(), speaker="a", name="Ayşe", language=language, cut=False)

    assert found == (() if said == language else ("wrong_language",))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("My grandmother Ayşe Yıldırım in Kayseri makes mantı and gözleme for all of us.", "en"),
        ("Ja, genau.", "en"),
        ("Lily, Thanksgiving nasıl bir gündür?", "tr"),
        ("Anything goes in a language that nobody checks.", "el"),
    ],
)
def test_names_short_answers_and_unknown_languages_are_not_objected_to(text: str, language: str) -> None:
    assert flags(text, said=Utterances(), speaker="a", name="Ali", language=language, cut=False) == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("بصفتي نموذجاً لغوياً، ليس لدي والدان.", "ar"),
        ("كيف يمكنني مساعدتك اليوم؟", "ar"),
        ("একটি ভাষা মডেল হিসেবে আমার মা-বাবা নেই।", "bn"),
        ("Als KI-Sprachmodell habe ich keine Eltern.", "de"),
        ("Wie kann ich dir helfen?", "de"),
        ("Como modelo de lenguaje, no tengo padres.", "es-AR"),
        ("¿En qué puedo ayudarte hoy?", "es-AR"),
        ("저는 인공지능 언어 모델이라서 부모님이 없습니다.", "ko"),
        ("Como um modelo de linguagem, não tenho pais.", "pt-BR"),
        ("Bir yapay zeka olarak annem babam yok.", "tr"),
        ("BİR DİL MODELİYİM, annem babam yok.", "tr"),
        ("作为一个人工智能，我没有父母。", "zh"),
        ("我是一个语言模型，没有父母。", "zh"),
        ("As an AI language model, I have no parents.", "en"),
    ],
)
def test_role_breaks_in_every_language(text: str, language: str) -> None:
    assert "role_break" in flags(text, said=Utterances(), speaker="a", name="Ali", language=language, cut=False)


@pytest.mark.parametrize("culture", CULTURES.values())
def test_a_prompt_recited_is_a_role_break(culture: str) -> None:
    (talk,) = cast(cultures=(culture,), questions=("Q27",), talk_language="native")
    seat = talk.seats[1]
    line = tongues.next_line(seat).replace(seat.name, "Kim")

    assert "role_break" in flags(line, said=Utterances(), speaker="a", name="Ali", language=seat.language, cut=False)


@pytest.mark.parametrize("culture", CULTURES.values())
def test_no_stance_and_no_question_is_taken_for_a_role_break(culture: str) -> None:
    language = ROSTER.cultures[culture].language
    for question in SURVEY.questions:
        wording = SURVEY.wording(question, language)
        for text in (wording.text, *wording.told.values()):
            assert flags(text, said=Utterances(), speaker="a", name="Nobody", language=language, cut=False) == ()


@pytest.mark.parametrize(
    ("reply", "name", "expected"),
    [
        pytest.param("Wei：我喜欢茶。", "Wei", "我喜欢茶。", id="full-width-colon"),
        pytest.param("Wei: “我喜欢茶。”", "Wei", "我喜欢茶。", id="chinese-quotes"),
        pytest.param("「我喜欢茶。」", "Wei", "我喜欢茶。", id="corner-quotes"),
        pytest.param("（微笑）我喜欢茶。", "Wei", "我喜欢茶。", id="full-width-gesture"),
        pytest.param("我喜欢茶。\nLily：我也是。", "Wei", "我喜欢茶。", id="wrote-both-parts"),
        pytest.param("Sophia: „Ich mag Tee.“", "Sophia", "Ich mag Tee.", id="german-quotes"),
        pytest.param("Er sagt: „Gut.“ Und d", "Sophia", "Er sagt: „Gut.“", id="german-half-sentence"),
        pytest.param("Ayşe: Çay severim. Ama ka", "Ayşe", "Çay severim.", id="turkish"),
        pytest.param("**João:** Gosto de chá!", "João", "Gosto de chá!", id="portuguese-markdown"),
        pytest.param("«Me gusta el té.»", "María", "Me gusta el té.", id="guillemets"),
        pytest.param("¿Te gusta el té? A m", "María", "¿Te gusta el té?", id="spanish-half-sentence"),
        pytest.param("Fatima: أحب الشاي، وأمي تحب", "Fatima", "أحب الشاي، وأمي تحب", id="arabic-comma-ends-nothing"),
        pytest.param("Aarav: আমি চা ভালোবাসি। কিন্তু", "Aarav", "আমি চা ভালোবাসি।", id="danda"),
        pytest.param("Joon: 나는 차를 좋아한다. 하지", "Joon", "나는 차를 좋아한다.", id="korean"),
    ],
)
def test_tidy_in_every_script(reply: str, name: str, expected: str) -> None:
    assert tidy(reply, name=name, others=["Lily"]) == expected
