"""Talks on a real AutoGen group chat over a real HTTP server: order, whispers, contexts, resume."""

import asyncio
import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from culturepark.cli import app
from culturepark.personas.casting import cast_talks
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.protocols.base import Cue, Scene, TurnProtocol
from culturepark.protocols.catalogue import LoadedProtocol, load_protocol
from culturepark.protocols.cueing import next_cue, recorded
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.endpoint import Endpoint
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.progress import Silent
from culturepark.runtime.request import Sampling
from culturepark.runtime.store import open_store
from culturepark.simulation.fork import plan_fork
from culturepark.simulation.plan import SimulateSettings, plan_talks
from culturepark.simulation.run import Simulated, simulate
from culturepark.simulation.speaker import PersonaAgent
from culturepark.simulation.talks import load_transcripts, save_plans
from culturepark.simulation.transcript import Transcript
from tests.conftest import ROOT
from tests.stub_server import Fault, serving

pytestmark = pytest.mark.integration


def held(
    folder: Path, url: str, protocol: LoadedProtocol, *, attempts: int = 5, **cast: Any
) -> tuple[Simulated, list[Transcript]]:
    """Hold the talks of a cast with a protocol; returns how it ended and what is in the store."""
    settings = SimulateSettings.model_validate({"talks": 2, "cultures": ["arabic"], "questions": ["Q27"], **cast})
    casting = cast_talks(settings, load_roster(), load_survey("wvs7"), seed=1)
    plans = plan_talks(casting.talks, settings, protocol, model="openai:stub", seed=1)

    async def main() -> Simulated:
        store = open_store(folder)
        endpoint = Endpoint(identity="openai:stub", model="stub", base_url=url, dialect="compatible")
        ledger = Ledger(store, endpoint, limits=LimitSettings(attempts=attempts))
        try:
            await save_plans(store, plans)
            ids = [plan.id for plan in plans]
            return await simulate(
                store, ledger, ids, protocol, sampling=settings.sampling, concurrency=8, progress=Silent()
            )
        finally:
            await endpoint.close()
            store.close()

    ended = asyncio.run(main())
    store = open_store(folder)
    talks = load_transcripts(store)
    store.close()
    return ended, talks


def numbered(body: Mapping[str, Any]) -> str:
    """A line that no turn check objects to and that tells which request it answers."""
    words = str(abs(hash(str(body["messages"]))))
    return " ".join(f"word{words[place : place + 3]}" for place in range(0, 15, 3)) + "."


def without_cache(talk: Transcript) -> Transcript:
    """A talk without how much of each prompt the endpoint had cached: that depends on what it answered before."""
    turns = tuple(turn.model_copy(update={"tokens_cached": 0}) for turn in talk.turns)
    return talk.model_copy(update={"turns": turns})


def inline(protocol: TurnProtocol) -> LoadedProtocol:
    return LoadedProtocol(protocol, type(protocol).__name__, {}, "0" * 64)


@pytest.mark.parametrize("fails", [False, True], ids=["complete", "failed"])
def test_nothing_of_an_ended_talk_waits_for_the_collector(tmp_path: Path, fails: bool) -> None:
    """A thousand talks in flight would leave two thousand agents behind, with all that they heard."""
    protocol = load_protocol("self-guidance", {"turns": 3})
    with serving(answer=numbered) as stub:
        held(tmp_path / "warm", stub.base_url, protocol)
    with serving(answer=numbered, faults=[Fault("empty_choices", rate=0.2)] if fails else []) as stub:
        gc.collect()
        gc.disable()
        try:
            ended, talks = held(tmp_path / "run", stub.base_url, protocol, talks=20, attempts=1)
            left = [found for found in gc.get_objects() if type(found) is PersonaAgent]
        finally:
            gc.enable()

    assert len(talks) == 20
    assert 0 < len(ended.failed) < 20 if fails else ended == Simulated(complete=20, failed=())
    assert left == []


def test_talks_that_are_read_share_equal_questions_and_seats(tmp_path: Path) -> None:
    with serving(answer=numbered) as stub:
        _, talks = held(tmp_path, stub.base_url, load_protocol("self-guidance", {"turns": 1}), talks=9)

    for records in ([talk.question for talk in talks], [seat for talk in talks for seat in talk.seats]):
        assert len({id(record) for record in records}) == len(
            {record.model_dump_json() for record in records if record}
        )
    assert len({id(seat) for talk in talks for seat in talk.seats}) < 2 * len(talks)


def test_self_guidance_alternates_and_whispers_to_the_speaker_alone(tmp_path: Path) -> None:
    with serving(answer=numbered) as stub:
        ended, (talk, _) = held(tmp_path, stub.base_url, load_protocol("self-guidance", {"turns": 6}))
        bodies = stub.bodies

    assert ended == Simulated(complete=2, failed=())
    main, delegate = (seat.id for seat in talk.seats)
    assert [turn.speaker for turn in talk.turns] == [main, delegate] * 3
    assert all(turn.cue is not None and turn.cue.private for turn in talk.turns)
    assert talk.turns[0].cue is not None
    whispers = [turn.cue.guidance for turn in talk.turns if turn.cue]
    sheets = {seat.id: f"{seat.name} is a " for seat in talk.seats}
    for turn, whisper in zip(talk.turns, whispers, strict=True):
        asked = [
            body["messages"][-1]["content"] for body in bodies if f": {whisper} " in body["messages"][-1]["content"]
        ]
        assert any(text.startswith(sheets[turn.speaker]) for text in asked)
        assert all(sum(f": {other} " in text for other in set(whispers)) == 1 for text in asked)


def test_each_persona_knows_only_its_own_stance(tmp_path: Path) -> None:
    with serving(answer=numbered) as stub:
        _, (talk, _) = held(tmp_path, stub.base_url, load_protocol("free-chat", {"turns": 4}), pair="conflict", talks=2)
        sheets = {body["messages"][-1]["content"].split("\n\n")[0] for body in stub.bodies}

    for seat in talk.seats:
        others = [other for other in talk.seats if other.id != seat.id]
        own = [
            text
            for text in sheets
            if text.startswith(f"{seat.name} is a ") and seat.stance and seat.stance.words in text
        ]
        assert own
        assert all(other.stance is not None and other.stance.words not in text for other in others for text in own)


def test_consecutive_user_messages_are_joined_and_the_context_only_grows(tmp_path: Path) -> None:
    with serving(answer=numbered) as stub:
        held(tmp_path, stub.base_url, load_protocol("free-chat", {"turns": 8}), talks=1)
        bodies = stub.bodies

    roles = ["system", *["user", "assistant"] * 2, "user"]
    assert [[message["role"] for message in body["messages"]] for body in bodies] == [roles] * 8
    assert len({str(body["messages"][:-1]) for body in bodies}) == 1
    scripts = [body["messages"][-1]["content"].split("\n\n")[0] for body in bodies]
    for own in (scripts[::2], scripts[1::2]):
        for before, after in zip(own, own[1:], strict=False):
            assert after.startswith(before)


def test_a_faulty_turn_is_asked_for_once_more_and_flagged_if_it_stays(tmp_path: Path) -> None:
    with serving(answer=lambda body: "As an AI language model, I cannot say.") as stub:
        _, (talk,) = held(tmp_path, stub.base_url, load_protocol("free-chat", {"turns": 1}), talks=1)

        assert stub.stats.requests == 2
    assert talk.turns[0].flags == ("role_break",)
    assert talk.turns[0].draws == 2


def test_the_better_of_two_draws_is_kept(tmp_path: Path) -> None:
    def answer(body: Mapping[str, Any]) -> str:
        again = "nothing about yourself as a writer" in body["messages"][-1]["content"]
        return "Tea with sage is what my mother makes." if again else "As an AI language model, I cannot say."

    with serving(answer=answer) as stub:
        _, (talk,) = held(tmp_path, stub.base_url, load_protocol("free-chat", {"turns": 1}), talks=1)

    assert talk.turns[0].text == "Tea with sage is what my mother makes."
    assert talk.turns[0].flags == ()


def test_stances_off_leaves_no_belief_in_any_prompt(tmp_path: Path) -> None:
    with serving(answer=numbered) as stub:
        _, talks = held(tmp_path, stub.base_url, load_protocol("free-chat", {"turns": 2}), stance="none")

        prompts = " ".join(str(body["messages"]) for body in stub.bodies)
    assert not [word for word in ("believes", "You believe", "certain") if word in prompts]
    assert all(seat.stance is None for talk in talks for seat in talk.seats)


@pytest.mark.parametrize("stop", range(1, 6))
def test_resume_at_every_turn_equals_an_uninterrupted_talk(stop: int, tmp_path: Path) -> None:
    protocol = load_protocol("self-guidance", {"turns": 6})
    cast = {"cast": "panel", "panel_size": 2, "cultures": ["arabic", "korean"], "talks": 1}
    with serving(answer=numbered) as stub:
        _, (whole,) = held(tmp_path / "whole", stub.base_url, protocol, **cast)
        stub.reset()
        # The endpoint fails for good after `stop` replies: the talk is left with so many turns.
        count = 0

        def breaking(body: Mapping[str, Any]) -> str:
            nonlocal count
            count += 1
            if count > stop:
                raise RuntimeError("broken")
            return numbered(body)

        with serving(answer=breaking) as broken:
            ended, (part,) = held(tmp_path / "part", broken.base_url, protocol, attempts=1, **cast)
        assert len(part.turns) == stop
        assert part.status == "failed"
        assert ended.failed[0][0] == part.id
        ended, (resumed,) = held(tmp_path / "part", stub.base_url, protocol, **cast)

        assert stub.stats.requests == 6 - stop
    assert ended.failed == ()
    assert without_cache(resumed) == without_cache(whole)


def test_a_second_run_sends_nothing(tmp_path: Path) -> None:
    with serving(answer=numbered) as stub:
        protocol = load_protocol("free-chat", {"turns": 4})
        _, first = held(tmp_path, stub.base_url, protocol)
        stub.reset()
        _, second = held(tmp_path, stub.base_url, protocol)

        assert stub.stats.requests == 0
    assert first == second


def test_one_talks_failure_is_its_own(tmp_path: Path) -> None:
    def answer(body: Mapping[str, Any]) -> str:
        if "Fatima is a" in str(body["messages"]):
            raise RuntimeError("this one never answers")
        return numbered(body)

    with serving(answer=answer) as stub:
        ended, talks = held(tmp_path, stub.base_url, load_protocol("free-chat", {"turns": 2}), attempts=2, talks=4)

    assert ended.complete == 2
    assert sorted(talk.status for talk in talks) == ["complete", "complete", "failed", "failed"]
    assert all("HTTP 500" in reason for _, reason in ended.failed)


@dataclass(frozen=True)
class Misbehaving:
    """A protocol that breaks its contract at turn 2."""

    how: Callable[[Scene], Any]

    def next_cue(self, scene: Scene) -> Any:
        return self.how(scene) if len(scene.turns) == 2 else Cue(scene.seats[len(scene.turns) % 2])


HERE = "tests/simulation/test_talks.py"


def _raise(scene: Scene) -> None:
    raise ValueError("no idea")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        pytest.param(
            _raise, f"{HERE}:{_raise.__code__.co_firstlineno + 1}: the protocol raised ValueError: no idea; mend it there",
            id="raises",
        ),
        pytest.param(
            lambda scene: "english_lily",
            f"{HERE}: next_cue returned 'english_lily', neither a Cue nor None; return Cue(seat) with a seat of scene.seats",
            id="type",
        ),
        pytest.param(
            lambda scene: Cue(scene.seats[0].model_copy(update={"persona": load_roster().personas["german_sophia"]})),
            f"{HERE}: the protocol cued 'german_sophia', who has no seat; cue one of scene.seats: english_lily, arabic_fatima",
            id="no-seat",
        ),
    ],
)  # fmt: skip
def test_a_broken_protocol_fails_its_talk_with_turn_and_reason(
    how: Callable[[Scene], Any], said: str, tmp_path: Path
) -> None:
    with serving(answer=numbered) as stub:
        ended, (talk,) = held(tmp_path, stub.base_url, inline(Misbehaving(how)), talks=1, genders="female")

    assert ended.failed == ((talk.id, f"talk {talk.id}, turn 2: {said}"),)
    assert len(talk.turns) == 2


@dataclass(frozen=True)
class Endless:
    def next_cue(self, scene: Scene) -> Cue:
        return Cue(scene.seats[len(scene.turns) % 2])


def test_a_protocol_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("culturepark.protocols.cueing.TURN_CAP", 10)
    with serving(answer=numbered) as stub:
        ended, (talk,) = held(tmp_path, stub.base_url, inline(Endless()), talks=1)

    assert ended.failed[0][1] == (
        f"talk {talk.id}, turn 10: {HERE}: the protocol never ends (it cued 10 turns); return None at the end, for example "
        "`if len(scene.turns) >= self.turns: return None`"
    )


@dataclass(frozen=True)
class Asking:
    """A protocol that asks a model, and one that speaks to all."""

    async def next_cue(self, scene: Scene) -> Cue | None:
        if len(scene.turns) == 3:
            return None
        word = await scene.ask(f"Which word comes {len(scene.turns)}th?")
        return Cue(scene.seats[len(scene.turns) % 2], guidance=f"Use {word}", private=False)


def test_asks_are_recorded_and_public_cues_are_heard_by_all(tmp_path: Path) -> None:
    with serving(answer=numbered) as stub:
        _, (talk,) = held(tmp_path, stub.base_url, inline(Asking()), talks=1)
        last = stub.bodies[-1]["messages"][-1]["content"]

    assert [ask.prompt for turn in talk.turns for ask in turn.asks] == [f"Which word comes {n}th?" for n in range(3)]
    for turn in talk.turns:
        assert turn.cue is not None
        assert not turn.cue.private
        assert f"(The moderator to all: {turn.cue.guidance})" in last


PANEL = {"cast": "panel", "panel_size": 4, "cultures": ["arabic", "korean", "turkish", "german"], "talks": 1}


async def cued_again(talk: Transcript, protocol: TurnProtocol) -> list[str | None]:
    """Speakers of every turn, and of the end, worked out anew from the transcript alone: no model is there to be asked."""
    found: list[str | None] = []
    for index in range(len(talk.turns) + 1):
        turns = talk.turns[:index]
        asks = talk.turns[index].asks if index < len(talk.turns) else ()
        cue, _ = await next_cue(
            protocol, Scene(talk.seats, talk.question, turns, talk.id, recorded(asks)), talk=talk.id
        )
        found.append(cue and cue.speaker.id)
    return found


def test_a_selectors_answers_are_on_record_so_a_replay_asks_nothing(tmp_path: Path) -> None:
    def answer(body: Mapping[str, Any]) -> str:
        prompt = body["messages"][-1]["content"]
        if "Who should speak next" not in prompt:
            return numbered(body)
        names = prompt.partition("one name only: ")[2].rstrip(".").split(", ")
        return "Hm." if len(prompt) % 3 == 0 else f"{names[len(prompt) % len(names)]}, I think."

    protocol = load_protocol("selector", {"turns": 10})
    with serving(answer=answer) as stub:
        ended, (talk,) = held(tmp_path, stub.base_url, protocol, **PANEL)
        asked = sum("Who should speak next" in str(body["messages"]) for body in stub.bodies)

    assert ended == Simulated(complete=1, failed=())
    assert len(talk.turns) == 10
    assert {turn.speaker for turn in talk.turns} == {seat.id for seat in talk.seats}
    assert asked == len([ask for turn in talk.turns for ask in turn.asks]) >= 6
    for turn in talk.turns:
        spoken_least = any(ask.answer == "Hm." for ask in turn.asks)
        assert (turn.note is not None and "named nobody who could go on" in turn.note) == spoken_least
    notes = [turn.note for turn in talk.turns if turn.note]
    shown = CliRunner().invoke(app, ["transcripts", "show", "--cues", "--run", str(tmp_path)]).stdout
    assert notes
    assert all(f"(protocol: {note})" in shown for note in notes)
    again = asyncio.run(cued_again(talk, load_protocol("selector", {"turns": 10}).protocol))
    assert again == [*(turn.speaker for turn in talk.turns), None]


def test_a_script_leads_five_seats_and_whispers_to_each_in_turn(tmp_path: Path) -> None:
    script = tmp_path / "circle.yaml"
    script.write_text(
        "name: circle\n"
        "opening: [{speaker: main_contact, guidance: 'Today: {topic}.', private: false}]\n"
        "rounds:\n  - {speaker: delegates, guidance: 'Answer {other}.'}\n"
        "  - {speaker: main_contact, guidance: 'Ask {next} more.'}\n"
        "until: {turns: 9}\n",
        encoding="utf-8",
    )
    protocol = load_protocol(str(script))
    with serving(answer=numbered) as stub:
        ended, (talk,) = held(tmp_path / "run", stub.base_url, protocol, **PANEL)
        last = stub.bodies[-1]["messages"][-1]["content"]

    assert ended == Simulated(complete=1, failed=())
    main, *delegates = talk.seats
    assert [turn.speaker for turn in talk.turns] == [seat.id for seat in (main, *delegates, main, *delegates[:3])]
    names = [seat.name for seat in talk.seats]
    assert [turn.cue.guidance for turn in talk.turns if turn.cue] == [
        "Today: making one's parents proud.",
        *(f"Answer {name}." for name in names[:4]),
        f"Ask {names[1]} more.",
        *(f"Answer {name}." for name in (names[0], names[1], names[2])),
    ]
    assert "(The moderator to all: Today: making one's parents proud.)" in last
    assert talk.protocol.sha256 == protocol.sha256
    assert asyncio.run(cued_again(talk, protocol.protocol)) == [*(turn.speaker for turn in talk.turns), None]


def test_an_opener_who_is_not_there_fails_the_talk_alone(tmp_path: Path) -> None:
    with serving(answer=numbered) as stub:
        protocol = load_protocol("free-chat", {"turns": 2, "opener": "arabic_fatima"})
        ended, talks = held(tmp_path, stub.base_url, protocol, talks=4, genders="alternate")

    absent = [talk for talk in talks if "arabic_fatima" not in {seat.id for seat in talk.seats}]
    assert ended.failed == tuple(
        (
            talk.id,
            f"talk {talk.id}, turn 0: nobody has the seat 'arabic_fatima'; did you mean 'arabic_abdul'?; seated are "
            + ", ".join(seat.id for seat in talk.seats),
        )
        for talk in absent
    )
    assert ended.complete == 4 - len(absent) == 2


def test_faults_of_the_endpoint_do_not_reach_the_transcript(tmp_path: Path) -> None:
    protocol = load_protocol("free-chat", {"turns": 6})
    with serving(answer=numbered) as stub:
        _, clean = held(tmp_path / "clean", stub.base_url, protocol)
    faults = [Fault("status", rate=0.2, status=502, retry_after=0), Fault("reset", rate=0.1)]
    with serving(answer=numbered, faults=faults, seed=3) as stub:
        ended, rough = held(tmp_path / "rough", stub.base_url, protocol, attempts=12)

    assert ended.failed == ()
    assert [without_cache(talk) for talk in rough] == [without_cache(talk) for talk in clean]


def test_talk_ids_change_with_what_is_said_and_with_nothing_else() -> None:
    roster, survey = load_roster(), load_survey("wvs7")

    def plan(protocol: str = "free-chat", **changes: Any) -> Transcript:
        settings = SimulateSettings.model_validate({"cultures": ["arabic"], "questions": ["Q27"], **changes})
        casting = cast_talks(settings, roster, survey, seed=1)
        return plan_talks(casting.talks, settings, load_protocol(protocol), model="m", seed=1)[0]

    same = plan(concurrency=3)
    others = [plan("self-guidance"), plan(stance="none"), plan(sampling=Sampling(temperature=0.1))]
    assert same.id == plan().id
    assert len({plan().id, *(other.id for other in others)}) == 4
    changed = [{key for key in same.inputs if same.inputs[key] != other.inputs[key]} for other in others]
    assert changed == [{"protocol"}, {"seats"}, {"sampling"}]


def test_talk_ids_do_not_tell_where_a_protocols_file_lies(tmp_path: Path) -> None:
    source = (ROOT / "protocols" / "free_chat.py").read_text(encoding="utf-8")
    parents, forks = [], []
    for folder in (tmp_path / "here", tmp_path / "there"):
        folder.mkdir()
        for name in ("mine.py", "later.py"):
            (folder / name).write_text(source, encoding="utf-8")
        settings = SimulateSettings.model_validate({"cultures": ["arabic"], "questions": ["Q27"]})
        casting = cast_talks(settings, load_roster(), load_survey("wvs7"), seed=1)
        first, later = (load_protocol(f"{folder / name}:FreeChat") for name in ("mine.py", "later.py"))
        (parent, *_) = plan_talks(casting.talks, settings, first, model="m", seed=1)
        parents.append(parent)
        forks.append(plan_fork(parent, at=0, protocol=later, model="m", sampling=settings.sampling))

    assert parents[0].protocol.name == str(tmp_path / "here" / "mine.py:FreeChat")
    assert len({parent.id for parent in parents}) == 1
    assert len({fork.id for fork in forks}) == 1
