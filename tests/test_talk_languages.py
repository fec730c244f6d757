"""Whole runs in other languages than English, as a user types them: talks, samples, and the files for training."""

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from culturepark.cli import app
from culturepark.personas.surveys.survey import load_survey
from culturepark.simulation.tongues import ENGLISH_ONLY, tongue_of
from tests.conftest import Ended
from tests.stub_server import StubServer, persona_answer, serving
from tests.test_command_line import culturepark

SURVEY = load_survey("wvs7")


def statements(language: str) -> list[str]:
    """What the scripted model says in a language: statements of the survey, which are sentences of that language."""
    seeds = [question for question in SURVEY.questions.values() if question.form == "statement"]
    if language == "en":
        return [question.text["en"] for question in seeds]
    return [SURVEY.wording(question.id, language).text for question in seeds]


POOLS = {language: statements(language) for language in ("en", *SURVEY.languages)}


def asked_in(request: str) -> str:
    """The language that a request for a line ends with."""
    direction = request.splitlines()[-2]
    for language in SURVEY.languages:
        tongue = tongue_of(language)
        assert tongue is not None
        if direction.endswith(tongue.next.partition("{again}")[2]):
            return language
    assert direction.endswith(ENGLISH_ONLY + "]"), direction
    return "en"


def polyglot(body: Mapping[str, Any]) -> str:
    """Two sentences in the language it is asked for; judges and readers answer as ever."""
    if "logprobs" in body or "response_format" in body:
        return persona_answer(body)
    request = body["messages"][-1]["content"]
    return " ".join(random.Random(request).sample(POOLS[asked_in(request)], 2))


def run(stub: StubServer, folder: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Do the main job; returns its document and what it said on stderr."""
    arguments = ("run", "--run", str(folder), "--model", "openai:stub", "--base-url", stub.base_url, "--json", *options)
    done = culturepark(*arguments, cwd=folder.parent)
    return json.loads(done.stdout), done.stderr


def printed(folder: Path, *command: str) -> str:
    """What a command prints about a run."""
    done = CliRunner().invoke(app, [*command, "--run", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def shown(folder: Path, *command: str) -> Any:
    return json.loads(printed(folder, *command, "--json"))


@pytest.mark.slow
def test_a_native_run_from_talks_to_training_rows(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with serving(answer=polyglot) as stub:
        result, said = run(stub, folder, "--talk-language", "native", "--culture", "turkish,portuguese", "--limit", "6")
        bodies = [str(body["messages"]) for body in stub.bodies]

    assert result["failed"] == []
    assert said.count("embedder all-minilm-l6-v2 reads English only, and people speak pt-BR, tr here") == 1
    assert "--embedder multilingual-e5-small" in said
    talks = shown(folder, "transcripts", "show")
    assert {talk["language"] for talk in talks} == {"tr", "pt-BR"}
    assert {flag for talk in talks for turn in talk["turns"] for flag in turn["flags"]} <= {"parrot", "repetition"}
    for talk in talks:
        assert {seat["language"] for seat in talk["seats"]} == {talk["language"]}
        delegate = talk["seats"][1]["stance"]
        assert delegate["told"] == SURVEY.wording(talk["question"]["id"], talk["language"]).told[delegate["code"]]
        # Readers and judges are instructed in English, about what was said in the language of the talk.
        assert any(f"The survey question: {talk['question']['text']['en']}" in body for body in bodies)
        judged = [
            body
            for body in bodies
            if delegate["words"] in body and f"{talk['seats'][1]['persona']['name']} says" in body
        ]
        assert all(any(text in body for text in POOLS[talk["language"][:2]]) for body in judged)

    samples = shown(folder, "samples", "list")
    assert result["funnel"]["samples"] == len(samples) > 0
    assert {sample["language"] for sample in samples} <= {"tr", "pt-BR"}
    turns = {(talk["id"], turn["index"]): turn["text"] for talk in talks for turn in talk["turns"]}
    assert all(sample["quote"] in turns[sample["talk"], sample["turn"]] for sample in samples)

    printed(folder, "samples", "export", "--out", str(tmp_path / "rows.jsonl"))
    rows = [json.loads(line)["messages"] for line in (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()]
    for sample, row in zip(samples, rows, strict=True):
        text = SURVEY.wording(sample["question"], sample["language"]).text
        put = {"tr": f"Bu söz hakkında ne düşünüyorsun? {text}", "pt-BR": f"O que você acha desta frase? {text}"}
        statement = SURVEY.question(sample["question"]).form == "statement"
        assert row[1]["content"] == (put[sample["language"]] if statement else text)
        assert row[0]["content"].startswith({"tr": "Ülke: Türkiye. ", "pt-BR": "País: Brasil. "}[sample["language"]])
        assert row[2]["content"] == sample["text"]
    printed(folder, "samples", "export", "--format", "parquet", "--out", str(tmp_path / "rows.parquet"))
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [row["language"] for row in table] == [sample["language"] for sample in samples]
    explained = printed(folder, "samples", "explain", samples[0]["id"])
    assert f", {samples[0]['language']}; stands for " in explained


@pytest.mark.slow
def test_a_mixed_panel_speaks_four_languages_and_a_second_run_sends_nothing(tmp_path: Path) -> None:
    folder, panel = tmp_path / "run", ("--cast", "panel", "--culture", "arabic,korean,chinese", "--limit", "3")
    with serving(answer=polyglot) as stub:
        first, _ = run(stub, folder, "--talk-language", "mixed", "--protocol", "free-chat", *panel)
        stub.reset()
        second, _ = run(stub, folder, "--talk-language", "mixed", "--protocol", "free-chat", *panel)

        assert stub.stats.requests == 0
    assert first["failed"] == []
    assert second["funnel"] == first["funnel"]
    talks = shown(folder, "transcripts", "show")
    for talk in talks:
        assert talk["language"] == "mul"
        spoken = {seat["persona"]["culture"]: seat["language"] for seat in talk["seats"]}
        assert spoken == {"english": "en", "arabic": "ar", "korean": "ko", "chinese": "zh"}
        assert not any("wrong_language" in turn["flags"] for turn in talk["turns"])
    assert {entry["language"] for entry in shown(folder, "transcripts", "list")} == {"mul"}
    samples = shown(folder, "samples", "list")
    assert samples
    assert all(
        sample["language"] == {"arabic": "ar", "korean": "ko", "chinese": "zh"}[sample["culture"]] for sample in samples
    )
    text = printed(folder, "transcripts", "show", talks[0]["id"])
    assert ", free-chat, mul, complete)" in text
    assert ", South Korea, speaks ko: " in text
    assert SURVEY.wording(talks[0]["question"]["id"], "zh").text in text


@pytest.mark.slow
def test_an_answer_in_the_wrong_language_is_asked_for_again_in_the_right_one(tmp_path: Path) -> None:
    tongue = tongue_of("tr")
    assert tongue is not None

    def answer(body: Mapping[str, Any]) -> str:
        if "logprobs" in body or "response_format" in body:
            return persona_answer(body)
        again = f" {tongue.again['wrong_language']} Yalnızca" in body["messages"][-1]["content"]
        return polyglot(body) if again else "I am going to answer in English, whatever I am asked to do."

    with serving(answer=answer) as stub:
        arguments = (
            "--model",
            "openai:stub",
            "--base-url",
            stub.base_url,
            "--limit",
            "1",
            "--culture",
            "turkish",
            "--protocol-arg",
            "turns=2",
        )
        culturepark("simulate", "--run", "run", *arguments, "--talk-language", "native", cwd=tmp_path)

    (talk,) = shown(tmp_path / "run", "transcripts", "show")
    assert all(turn["draws"] == 2 for turn in talk["turns"])
    assert not any("wrong_language" in turn["flags"] for turn in talk["turns"])


def test_surveys_list_shows_a_language_and_that_it_is_not_reviewed(tmp_path: Path) -> None:
    done = culturepark("surveys", "list", "--language", "es-AR", cwd=tmp_path)

    rows = done.stdout.splitlines()
    assert len(rows) == 51
    assert rows[2].split("\t")[:3] == [
        "wvs7:Q28",
        "madres que trabajan",
        "Los hijos sufren cuando la madre tiene un trabajo pago.",
    ]
    assert done.stderr == (
        "languages/es.yaml is our own translation, not reviewed yet; it waits for a native speaker of Spanish from Argentina "
        "who knows survey questions\n"
    )
    (first, *_) = json.loads(culturepark("surveys", "list", "--language", "tr", "--json", cwd=tmp_path).stdout)
    assert first["id"] == "wvs7:Q27"
    assert first["told"]["2"] == SURVEY.wording("wvs7:Q27", "tr").told[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--talk-language", "nativ"], "quickstart.yaml: simulate.talk_language = 'nativ': input should be 'en', 'native' or "
         "'mixed'"),
        (["--talk-language", "native", "--cast", "panel", "--culture", "arabic,german,turkish"],
         "talk_language 'native' needs delegates of one language, and here sit arabic (ar), german (de), turkish (tr); "
         "use 'mixed', where everybody speaks their own"),
        (["--talk-language", "native", "--source", "pew", "--question", "P1"],
         "question pew:P1 has no wording in 'ar' (the survey is in: en); write languages/ar.yaml beside its questions.yaml, "
         "or ask in English"),
    ],
)  # fmt: skip
def test_a_language_that_cannot_be_had_is_one_line_before_anything_is_sent(
    options: list[str], message: str, typed: Callable[..., Ended], tmp_path: Path
) -> None:
    (tmp_path / "pew").mkdir()
    scale = {"codes": [1, 2], "labels": {1: "yes", 2: "no"}, "words": {1: "says yes", 2: "says no"}}
    asked = {"id": "P1", "topic": "tea", "text": {"en": "Do you like tea?"}}
    battery = {"name": "b", "split": "seed", "scale": "s", "form": "question", "questions": [asked]}
    survey = {"survey": {"name": "pew", "title": "t", "citation": "c"}, "scales": {"s": scale}, "batteries": [battery]}
    (tmp_path / "pew/questions.yaml").write_text(yaml.safe_dump(survey), "utf-8")
    countries = ("JOR", "KOR", "TUR", "BGD", "USA")
    counts = "".join(f"{country},P1,{code},5\n" for country in countries for code in (1, 2))
    (tmp_path / "pew/counts.csv").write_text("country,question,code,count\n" + counts)

    assert typed("estimate", *options) == Ended(2, "", f"error: {message}\n")
