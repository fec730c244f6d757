"""`vary:` in a study: a factorial over shared seeds. What is planned, what is refused, what is sent."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from culturepark.benchmarks import Held, RunTalks, compare, decompose, load_talks
from culturepark.estimate import estimate
from culturepark.pipeline import plan, run
from culturepark.protocols.turn import Turn
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import open_store
from culturepark.simulation.transcript import Transcript
from culturepark.study import Study
from tests.stub_server import StubServer

BASE: dict[str, Any] = {
    "model": "openai:stub",
    "simulate": {
        "cultures": ["arabic", "korean"],
        "questions": ["Q27", "Q38"],
        "protocol": "free-chat",
        "protocol_args": {"turns": 2},
        "talks": 4,
    },
}

TEMPERATURES = {"sampling.temperature": [0.7, 0.2]}


def study(vary: Mapping[str, Any], **simulate: Any) -> Study:
    return Study.model_validate({**BASE, "simulate": {**BASE["simulate"], **simulate}, "vary": vary})


def seeds(talks: list[Transcript]) -> list[object]:
    """Who holds which stance on what: the place a talk begins from."""
    return [
        (talk.question.id, talk.replicate, [(seat.culture.id, seat.stance) for seat in talk.seats]) for talk in talks
    ]


def planned(vary: Mapping[str, Any], **simulate: Any) -> list[Transcript]:
    return list(plan(study(vary, **simulate)).talks)


def test_every_combination_is_held_over_the_same_seeds() -> None:
    talks = planned({"protocol": ["free-chat", "self-guidance"], "draw": [0, 1, 2]})

    assert len({talk.id for talk in talks}) == len(talks) == 4 * 6
    cells = [
        (protocol, draw, [talk for talk in talks if talk.factors == {"protocol": protocol, "draw": draw}])
        for protocol in ("free-chat", "self-guidance")
        for draw in range(3)
    ]
    for protocol, _, cell in cells:
        assert seeds(cell) == seeds(cells[0][2])
        assert {talk.protocol.name for talk in cell} == {protocol}
        assert {str(talk.protocol.args) for talk in cell} == {"{'turns': 2}"}


def test_the_cell_that_changes_nothing_is_the_study_without_vary() -> None:
    plain = planned({})
    varied = planned({"draw": [0, 1], "sampling.temperature": [0.7, 0.2]})

    assert {talk.id for talk in plain} < {talk.id for talk in varied}
    assert all(talk.factors == {} and "draw" not in talk.inputs for talk in plain)
    changed = {
        name
        for talk in varied
        for name, value in talk.inputs.items()
        if value not in {other.inputs.get(name) for other in plain}
    }
    assert changed == {"draw", "sampling"}


@pytest.mark.parametrize(
    ("by", "value", "baseline"),
    [("protocol", "self-guidance", "free-chat"), ("stance", "none", "mode"), ("draw", "1", "0")],
)
def test_pairs_differ_in_one_factor_only(by: str, value: str, baseline: str) -> None:
    talks = planned({"protocol": ["free-chat", "self-guidance"], "stance": ["mode", "none"], "draw": [0, 1]})
    spoken = [
        Held(
            talk.model_copy(
                update={
                    "turns": tuple(
                        Turn(index=0, speaker=seat.id, text="Yes.", finish_reason="stop", model="m")
                        for seat in talk.seats
                    )
                }
            ),
            None,
        )
        for talk in talks
    ]

    found = compare(RunTalks(tuple(spoken), forks=0, unfinished=0, unrefined=None), by, metrics=("flagged_turns",))

    assert [(row.value, row.baseline, row.pairs, row.questions) for row in found.rows] == [(value, baseline, 16, 2)]
    assert found.unpaired == 0


def test_persona_says_who_sits_for_a_culture_and_touches_its_talks_only() -> None:
    talks = planned({"persona": {"arabic": ["arabic_abdul", "arabic_fatima"]}})

    arabic = [talk for talk in talks if talk.seats[1].culture.id == "arabic"]
    korean = [talk for talk in talks if talk.seats[1].culture.id == "korean"]
    assert [talk.seats[1].id for talk in arabic] == ["arabic_abdul"] * 2 + ["arabic_fatima"] * 2
    assert [talk.factors for talk in arabic] == [{"persona": "arabic_abdul"}] * 2 + [{"persona": "arabic_fatima"}] * 2
    assert seeds(arabic[:2]) == seeds(arabic[2:])
    assert [talk.factors for talk in korean] == [{}, {}]  # not held twice


def test_two_people_of_one_culture_change_places() -> None:
    talks = planned({"persona": {"arabic": ["arabic_abdul", "arabic_fatima"]}}, cast="in-culture", cultures=["arabic"])

    for talk in talks:
        assert {seat.id for seat in talk.seats} == {"arabic_abdul", "arabic_fatima"}
        assert talk.seats[1].id == talk.factors["persona"]


def test_name_changes_the_display_name_and_the_agent_id_only() -> None:
    talks = planned({"name": {"arabic_abdul": ["Abdul", "Ömer"]}}, genders="male", cultures=["arabic"], talks=1)

    first, second = (talk.seats[1] for talk in talks)
    assert (first.id, second.id) == ("arabic_abdul", "arabic_omer")
    assert second.persona.model_copy(update={"name": "Abdul"}) == first.persona
    assert [talk.factors for talk in talks] == [{"name": "Abdul"}, {"name": "Ömer"}]


def test_a_protocol_may_bring_arguments_of_its_own() -> None:
    talks = planned({"protocol": ["free-chat", {"self-guidance": {"turns": 4}}]})

    assert {(talk.protocol.name, str(talk.protocol.args)) for talk in talks} == {
        ("free-chat", "{'turns': 2}"),
        ("self-guidance", "{'turns': 4}"),
    }


def test_estimate_adds_the_cells_up() -> None:
    both = asyncio.run(estimate(study({"protocol": ["free-chat", "self-guidance"]})))
    each = [asyncio.run(estimate(study({}, protocol=name))) for name in ("free-chat", "self-guidance")]

    for field in ("talks", "turns", "requests", "tokens_in", "tokens_out"):
        assert getattr(both, field) == sum(getattr(one, field) for one in each)


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        pytest.param(
            {"protocl": ["a"]},
            "vary: no factor named 'protocl'; did you mean 'protocol'? Known: draw, genders, ground_by, language, "
            "model, name, pair, persona, protocol, protocol_args, sampling, stance.",
            id="factor",
        ),
        pytest.param(
            {"talks": [1, 2]},
            "vary.talks: it decides which seeds there are, so its talks could not be paired; make it two studies",
            id="seeds",
        ),
        pytest.param(
            {"concurrency": [1]},
            "vary.concurrency: it changes nothing that is said; set it under `simulate`",
            id="unheard",
        ),
        pytest.param({"protocol": "free-chat"}, "vary.protocol: expected a list of values, not 'free-chat'", id="list"),
        pytest.param({"draw": []}, "vary.draw: expected a list of values, not []", id="empty"),
        pytest.param(
            {"draw": [0, 0]}, "vary.draw: 0 stands there twice; to hold a talk twice, write `draw: [0, 1]`", id="twice"
        ),
        pytest.param({"draw": [-1]}, "vary.draw: -1 is no whole number from 0 on", id="draw"),
        pytest.param({"model": [3]}, "vary.model: 3 is no text; put it in quotes", id="model"),
        pytest.param(
            {"stance": ["sampeld"]},
            "vary: stance: no stance choice named 'sampeld'; did you mean 'sampled'?; "
            "known: sampled, iid, mode, median, respondent, none, other:COUNTRY",
            id="value",
        ),
        pytest.param(
            {"sampling.temprature": [1]},
            "vary: unknown field 'sampling.temprature'; did you mean 'temperature'?",
            id="inner-field",
        ),
        pytest.param(
            {"stance.deep": [1]}, "vary: 'stance' of the factor 'stance.deep' holds no settings", id="no-settings"
        ),
        pytest.param(
            {"persona": ["arabic_abdul"]},
            "vary.persona: expected cultures to persona ids, for instance {arabic: [arabic_abdul, arabic_fatima]}, "
            "not ['arabic_abdul']",
            id="persona-list",
        ),
        pytest.param(
            {"name": {"arabic_abdul": ["阿卜杜"]}},
            "name '阿卜杜' has no Latin letters for an agent id; write it in Latin letters",
            id="name-script",
        ),
        pytest.param(
            {"protocol": [{"free-chat": 3}]},
            "vary.protocol: {'free-chat': 3} is no protocol; write a name, or {interview: {exchanges: 3}} for one with "
            "arguments",
            id="protocol-arguments",
        ),
    ],
)
def test_a_wrong_factor_is_one_clear_line(vary: Mapping[str, Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**BASE, "vary": vary}, allow_unicode=True), encoding="utf-8")

    with pytest.raises(CultureParkError) as raised:
        Study.load(path)

    assert str(raised.value) == f"{path}: {said}"


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        pytest.param(
            {"persona": {"arabic": ["arabic_abdull"]}}, "no persona named 'arabic_abdull'; did you mean 'arabic_abdul'?",
            id="persona",
        ),
        pytest.param(
            {"persona": {"arabic": ["korean_joon"]}}, "vary.persona.arabic: 'korean_joon' is of culture 'korean'", id="culture"
        ),
        pytest.param(
            {"persona": {"german": ["german_sophia"]}},
            "vary.persona.german: nobody of that name sits in these talks; take it out",
            id="absent",
        ),
        pytest.param(
            {"name": {"korean_joon": ["Lily", "Jack"]}, "persona": {"korean": ["korean_joon"]}, "draw": [0]}, None, id="fine"
        ),
        pytest.param(
            {"name": {"english_lily": ["Jack", "Lily"]}, "draw": [0]}, None, id="another-talk-has-a-jack",
        ),
        pytest.param(
            {"protocol": ["free-chat", "self-guidnce"]}, "no protocol named 'self-guidnce'; did you mean 'self-guidance'?",
            id="protocol",
        ),
        pytest.param({"model": ["openai:stub", "opnai:x"]}, "model 'opnai:x' (builtin[:NAME[+ADAPTER]]", id="model"),
    ],
)  # fmt: skip
def test_people_and_names_are_checked_before_anything_is_sent(vary: Mapping[str, Any], said: str | None) -> None:
    if said is None:
        assert plan(study(vary)).talks
        return
    with pytest.raises(CultureParkError) as raised:
        plan(study(vary))

    assert str(raised.value).startswith(said)


def test_one_id_for_two_people_of_a_talk_is_refused() -> None:
    with pytest.raises(CultureParkError) as raised:
        planned({"name": {"arabic_abdul": ["Fatima"]}}, cast="in-culture", cultures=["arabic"])

    assert str(raised.value) == ("vary.name: Fatima would give two people of one talk the same id; choose another name")


def test_an_option_for_what_is_varied_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**BASE, "vary": {"protocol": ["free-chat", "self-guidance"]}}), encoding="utf-8")

    with pytest.raises(CultureParkError) as raised:
        Study.load(path, {"simulate": {"protocol": "free-chat"}})

    assert str(raised.value) == (
        f"{path}: the study varies 'protocol', so it cannot be set to 'free-chat' besides; take it out of `vary` or "
        "leave the option out"
    )


@pytest.mark.slow
def test_models_are_opened_one_after_the_other_and_judged_by_the_first(
    stub: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    varied = study({"model": ["openai:large", "openai:small"], "draw": [0, 1]}).model_copy(
        update={"base_url": stub.base_url}
    )

    first = run(varied, tmp_path / "run")
    asked = [str(body["model"]) for body in stub.bodies]
    again = run(varied, tmp_path / "run")

    assert first.dialogues == 16
    assert again.requests_sent == 0
    talked = [name for name, body in zip(asked, stub.bodies, strict=False) if body.get("max_tokens") == 64]
    assert talked == sorted(talked)  # large, then small
    assert set(talked) == {"large", "small"}
    assert set(asked[asked.index("small") + talked.count("small") :]) == {"large"}


@pytest.mark.slow
def test_talks_held_before_the_study_varied_anything_join_it(
    stub: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    plain, varied = (study(vary).model_copy(update={"base_url": stub.base_url}) for vary in ({}, TEMPERATURES))
    run(plain, tmp_path, stages=("simulate",))
    before = stub.stats.distinct

    run(varied, tmp_path, stages=("simulate",))

    store = open_store(tmp_path, create=False)
    talks = load_talks(store)
    store.close()
    found = compare(talks, "sampling.temperature", metrics=("parroting",))
    assert {body["temperature"] for body in stub.bodies[before:]} == {0.2}
    assert [(row.value, row.baseline, row.pairs) for row in found.rows] == [("0.2", "0.7", 4)]
    (split,) = decompose(talks, metrics=("type_token_ratio",))
    assert "sampling = sampling.temperature" in {part.factor for part in split.components}
