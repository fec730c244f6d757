"""Transcripts in files: the published schema, an exact round trip, other people's talks, and whatever is malformed."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from culturepark.personas.roster import load_roster
from culturepark.personas.seat import Seat
from culturepark.personas.surveys.survey import load_survey
from culturepark.protocols.turn import Ask, Flag, SpokenCue, Turn
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import open_store
from culturepark.simulation.exchange import import_talks, transcript_schema, write_talks
from culturepark.simulation.imports import SHAPES, Casting, read_talks
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Edits, Parent, ProtocolUsed, Transcript
from tests.commands import command, document, mistake
from tests.conftest import ROOT
from tests.simulation.conftest import Held, stored
from tests.stub_server import serving

PUBLISHED = ROOT / "docs" / "transcript.schema.json"
SEATS = ("--seat", "Anna=german:female", "--seat", "Omar=arabic_abdul")
PLAIN = [{"speaker": "Anna", "text": "Do you cook at home?"}, {"speaker": "Omar", "text": "On Fridays, for everybody."}]


NOBODY = Casting(load_roster(), load_survey("wvs7"))


def test_the_published_schema_is_the_records_own() -> None:
    assert PUBLISHED.read_text("utf-8") == command("transcripts", "schema"), (
        "run `culturepark transcripts schema > docs/transcript.schema.json`"
    )
    assert json.loads(PUBLISHED.read_text("utf-8")) == transcript_schema()
    Draft202012Validator.check_schema(transcript_schema())


def test_exported_talks_satisfy_the_schema_and_come_back_exactly(held: Held, tmp_path: Path) -> None:
    talks = held.talks()
    command("transcripts", "fork", talks[0].id, "--at", "3", "--say", "No.", "--run", str(held.run))
    talks = held.talks()
    out, run = tmp_path / "talks.jsonl", tmp_path / "again"

    exported = document("transcripts", "export", "--out", str(out), "--run", str(held.run))
    first = document("transcripts", "import", str(out), "--run", str(run))
    second = document("transcripts", "import", str(out), "--run", str(run))

    ids = [talk.id for talk in talks]
    assert exported == {"out": str(out), "talks": ids}
    assert first == {"run": str(run), "added": ids, "known": []}
    assert second == {"run": str(run), "added": [], "known": sorted(ids)}
    assert stored(run) == talks
    validator = Draft202012Validator(json.loads(PUBLISHED.read_text("utf-8")))
    for line in out.read_text("utf-8").splitlines():
        assert list(validator.iter_errors(json.loads(line))) == []
    wrong = json.loads(out.read_text("utf-8").splitlines()[0])
    wrong["turns"][0].pop("speaker")
    assert [error.message for error in validator.iter_errors(wrong)] == ["'speaker' is a required property"]


texts = st.text(max_size=40)
ids = st.text(min_size=1, max_size=12)


def seated(persona: str, role: Literal["main_contact", "delegate"]) -> Seat:
    found = load_roster().personas[persona]
    return Seat(persona=found, culture=load_roster().cultures[found.culture], role=role, stance=None)


LILY, ABDUL = seated("english_lily", "main_contact"), seated("arabic_abdul", "delegate")


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """A transcript with any text anywhere."""
    turns = tuple(
        Turn(
            index=index,
            speaker=draw(st.sampled_from([LILY.id, ABDUL.id])),
            text=draw(texts),
            cue=draw(st.none() | st.builds(SpokenCue, guidance=texts, private=st.booleans())),
            asks=tuple(draw(st.lists(st.builds(Ask, prompt=texts, answer=texts), max_size=2))),
            finish_reason=draw(texts),
            tokens_in=draw(st.integers(0, 10**9)),
            model=draw(texts),
            request=draw(st.none() | texts),
            draws=draw(st.integers(0, 2)),
            flags=tuple(draw(st.lists(st.sampled_from(FLAGS), max_size=2))),
        )
        for index in range(draw(st.integers(0, 4)))
    )
    edits = st.builds(
        Edits, personas=st.dictionaries(ids, ids, max_size=2), model=st.none() | texts, say=st.none() | texts
    )
    return Transcript(
        id=draw(ids),
        question=draw(
            st.none() | st.sampled_from(sorted(load_survey("wvs7").questions.values(), key=lambda one: one.id))
        ),
        language=draw(texts),
        model=draw(texts),
        protocol=ProtocolUsed(
            name=draw(texts), args=draw(st.dictionaries(ids, texts | st.integers())), sha256=draw(texts)
        ),
        parent=draw(st.none() | st.builds(Parent, id=ids, root=ids, turn=st.integers(0, 9), edits=edits)),
        replicate=draw(st.integers(0, 9)),
        status=draw(st.sampled_from(STATUSES)),
        reason=draw(st.none() | texts),
        seats=(LILY, ABDUL),
        turns=turns,
        inputs=draw(st.dictionaries(ids, texts, max_size=3)),
    )


FLAGS: list[Flag] = ["parrot", "truncated", "wrong_language"]
STATUSES: list[Literal["planned", "complete", "failed"]] = ["planned", "complete", "failed"]


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(talks=st.lists(transcripts(), min_size=1, max_size=3, unique_by=lambda talk: talk.id))
def test_any_transcript_comes_back_from_a_file_and_from_the_store_exactly(
    talks: list[Transcript], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("talks")
    write_talks(talks, folder / "talks.jsonl")

    read = read_talks(folder / "talks.jsonl", NOBODY)

    assert read == talks
    store = open_store(folder / "run")
    try:
        import_talks(store, read)
        assert load_transcripts(store) == talks
    finally:
        store.close()


def written(folder: Path, content: Any, *, lines: bool = False) -> str:
    path = folder / ("theirs.jsonl" if lines else "theirs.json")
    documents = "\n".join(json.dumps(one) for one in content) + "\n" if lines else json.dumps(content)
    path.write_text(documents, encoding="utf-8")
    return str(path)


SHAREGPT = {
    "id": "x",
    "conversations": [{"from": "Anna", "value": PLAIN[0]["text"]}, {"from": "Omar", "value": PLAIN[1]["text"]}],
}
MESSAGES = {"messages": [{"role": "Anna", "content": PLAIN[0]["text"]}, {"role": "Omar", "content": PLAIN[1]["text"]}]}


@pytest.mark.parametrize(
    ("content", "lines", "count"),
    [
        pytest.param(PLAIN, False, 1, id="one-talk"),
        pytest.param(PLAIN, True, 1, id="an-utterance-a-line"),
        pytest.param([PLAIN, PLAIN[:1]], False, 2, id="a-list-of-talks"),
        pytest.param([PLAIN, PLAIN[:1]], True, 2, id="a-talk-a-line"),
        pytest.param({"turns": PLAIN, "id": 7}, False, 1, id="turns"),
        pytest.param(SHAREGPT, False, 1, id="sharegpt-object"),
        pytest.param([SHAREGPT], False, 1, id="sharegpt-list"),
        pytest.param([SHAREGPT, MESSAGES], True, 1, id="sharegpt-and-messages-lines"),
        pytest.param(MESSAGES, False, 1, id="messages"),
    ],
)
def test_other_peoples_talks_are_read(content: Any, lines: bool, count: int, tmp_path: Path) -> None:
    run = tmp_path / "run"
    path = written(tmp_path, content, lines=lines)
    done = document("transcripts", "import", path, "--run", str(run), *SEATS)
    again = document("transcripts", "import", path, "--run", str(run), *SEATS)

    talks = stored(run)
    assert (len(done["added"]), len(again["added"]), len(again["known"])) == (count, 0, count)
    assert [(turn.speaker, turn.text) for turn in talks[0].turns] == [
        ("german_anna", "Do you cook at home?"), ("arabic_abdul", "On Fridays, for everybody.")
    ]  # fmt: skip
    assert [(seat.id, seat.role, seat.stance) for seat in talks[0].seats] == [
        ("german_anna", "main_contact", None), ("arabic_abdul", "delegate", None)
    ]  # fmt: skip
    assert (talks[0].question, talks[0].status, talks[0].protocol.name) == (None, "complete", "imported")


def test_speakers_named_like_personas_need_no_option_and_a_system_message_is_the_moderators(tmp_path: Path) -> None:
    content = [
        {"role": "system", "content": "Talk about bread."},
        {"role": "german_sophia", "content": "Dark bread, always."},
        {"role": "english_lily", "content": "Mine is sweet."},
    ]
    path = written(tmp_path, {"messages": content})
    command("transcripts", "import", path, "--run", str(tmp_path / "run"), "--main-contact", "english_lily")

    (talk,) = stored(tmp_path / "run")
    assert [seat.id for seat in talk.seats] == ["english_lily", "german_sophia"]
    assert [turn.cue for turn in talk.turns] == [SpokenCue(guidance="Talk about bread.", private=False), None]


def test_a_stance_is_an_answer_with_its_countrys_share(tmp_path: Path) -> None:
    arguments = ("--question", "Q27", "--stance", "Omar=1")
    command("transcripts", "import", written(tmp_path, PLAIN), "--run", str(tmp_path / "run"), *SEATS, *arguments)

    (talk,) = stored(tmp_path / "run")
    answers = load_survey("wvs7").distribution("wvs7:Q27", "JOR")
    stance = talk.seats[1].stance
    assert answers is not None
    assert stance is not None
    assert (stance.code, stance.share, stance.country, stance.chosen) == (1, answers.shares[1], "JOR", "given")
    assert talk.seats[0].stance is None


@pytest.mark.slow
def test_an_imported_talk_is_refined_forked_verified_and_compared(tmp_path: Path) -> None:
    run = ("--run", str(tmp_path / "run"))
    talk = [*PLAIN, {"speaker": "Omar", "text": "I believe that parents should be made proud by their children."}]
    arguments = ("--question", "Q27", "--stance", "Omar=1")
    command("transcripts", "import", written(tmp_path, talk), *run, *SEATS, *arguments)
    (imported,) = stored(tmp_path / "run")
    with serving() as stub:
        model = ("--model", "openai:stub", "--base-url", stub.base_url)
        edits = ("--at", "2", "--protocol", "free-chat", "--protocol-arg", "turns=5")
        fork = document("transcripts", "fork", imported.id, *edits, *run, *model)
        assert [turn["text"] for turn in fork["turns"][:2]] == [turn.text for turn in imported.turns[:2]]
        assert fork["requests_sent"] == stub.stats.requests
        found = document("transcripts", "verify", "--all", *run)
        assert [one["status"] for one in found] == ["unverifiable", "holds"]
        held = document("refine", "--all", *run, *model)
    # The fork's shared turn of Omar's is read once, as the imported talk's.
    assert (held["dialogues"], held["funnel"]["utterances"]) == (2, 3)
    compared = document("transcripts", "diff", imported.id, fork["id"], *run)
    assert compared["shared"] == 2


def test_a_talk_without_a_question_says_why_it_cannot_be_refined_or_forked(tmp_path: Path) -> None:
    run = ("--run", str(tmp_path / "run"))
    command("transcripts", "import", written(tmp_path, PLAIN), *run, *SEATS)
    (talk,) = stored(tmp_path / "run")
    with serving() as stub:
        model = ("--model", "openai:stub", "--base-url", stub.base_url)
        refined = mistake("refine", "--all", *run, *model)
        forked = mistake("transcripts", "fork", talk.id, "--at", "1", "--protocol", "free-chat", *run, *model)
        without = mistake("transcripts", "fork", talk.id, "--at", "1", *run, *model)

        assert stub.stats.requests == 0
    assert refined == (
        f"{tmp_path}/run: no complete talk here is about a survey question, so no opinion can be judged or exported; "
        "import the talks with --question ID"
    )
    assert forked == f"talk {talk.id} is about no survey question; import it into a new run with --question ID"
    assert without == f"talk {talk.id} was imported, so nothing says who speaks next; add --protocol NAME"
    assert mistake("transcripts", "verify", talk.id, *run) == (
        f"talk {talk.id}: its replies are not in this run's ledger (it was imported), so there is nothing to hold it against"
    )


def test_human_dialogues_are_imported_shown_and_exported(shared_data: Path, tmp_path: Path) -> None:
    lines = (shared_data / "dialogues" / "en_dailydialog.jsonl").read_text("utf-8").splitlines()
    said = [json.loads(line)["turns"] for line in lines]
    talks = [[{"speaker": "AB"[place % 2], "text": text} for place, text in enumerate(turns)] for turns in said]
    run = ("--run", str(tmp_path / "run"))
    seats = ("--seat", "A=english:female", "--seat", "B=english:male")

    done = document("transcripts", "import", written(tmp_path, talks, lines=True), *run, *seats)

    assert len(done["added"]) == len(talks) == 133
    assert [[turn.text for turn in talk.turns] for talk in stored(tmp_path / "run")] == said
    listed = command("transcripts", "list", *run, "--limit", "2").splitlines()
    assert [row.split("\t")[1:4] for row in listed[1:]] == [["english", "-", "-"]] * 2
    assert said[0][0] in command("transcripts", "replay", done["added"][0], *run)


def own(**changes: Any) -> str:
    talk = Transcript(
        id="t_1",
        question=None,
        language="en",
        model="m",
        protocol=ProtocolUsed(name="p", sha256=""),
        status="complete",
        seats=(LILY, ABDUL),
        turns=(Turn(index=0, speaker=LILY.id, text="Hello.", finish_reason="stop", model="m"),),
        inputs={},
    )
    return json.dumps({**talk.model_dump(mode="json"), **changes})


TURN = {"index": 0, "speaker": "english_lily", "text": "Hello.", "finish_reason": "stop", "model": "m"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "{file}: there is no talk in it", id="empty"),
        pytest.param("[]", "{file}: not a talk but an empty list; expected {shapes}", id="empty-list"),
        pytest.param("null", "{file}: not a talk but null; expected {shapes}", id="null"),
        pytest.param("[1]", "{file}, talk 1: not a talk but the number 1; expected {shapes}", id="numbers"),
        pytest.param(own() + "\n" + own(id="t_2")[:99],
                     "{file}:2: not JSON (Unterminated string starting at); is the file cut off?", id="truncated"),
        pytest.param(own(schema=2), "{file}: written by a newer CulturePark (transcript schema 2, this one reads 1); "
                     "upgrade with `pip install --upgrade culturepark`", id="newer"),
        pytest.param(own(schema="x"), "{file}: schema = 'x': input should be 1", id="no-version"),
        pytest.param(own(modle="m"), "{file}: unknown field 'modle'; did you mean 'model'?", id="unknown-field"),
        pytest.param(own(turns=[{**TURN, "index": 1}]), "{file}: turn 0 says that it is turn 1", id="index"),
        pytest.param(own(turns=[{**TURN, "speaker": "x"}]),
                     "{file}: turn 0: 'x' has no seat; seated are english_lily, arabic_abdul", id="speaker"),
        pytest.param(own(seats=[]), "{file}: a talk has exactly one main contact", id="no-seats"),
        pytest.param('[{"speaker": "Anna", "txt": "a"}]',
                     "{file}, talk 1: not a talk (its keys: speaker, txt); expected {shapes}", id="no-text"),
        pytest.param('[{"speaker": "Anna", "text": "a"}, {"speaker": "Anna"}]',
                     "{file}, turn 1: 'text' is missing (found: speaker)", id="second-without-text"),
        pytest.param('[{"speaker": "Anna", "text": null}]', "{file}, turn 0: 'text' is null, not text", id="null-text"),
        pytest.param('{"messages": [{"role": "Anna", "content": [{"type": "image"}]}]}',
                     "{file}, turn 0: 'content' is a list, not text", id="parts"),
        pytest.param('{"messages": [{"role": "system", "content": "Be kind."}]}',
                     "{file}: ends with a system message, which nobody answers", id="only-system"),
        pytest.param('[{"speaker": "Bert", "text": "a"}]',
                     "{file}: 'Bert' is nobody we know; say who it is: --seat 'Bert=german_sophia' (a persona) or "
                     "--seat 'Bert=german:female' (a culture and a gender)", id="nobody"),
        pytest.param('[{"speaker": "Anna", "text": "a"}]',
                     "{file}: nobody called 'Omar' speaks in it; leave it out or correct the name", id="silent"),
    ],
)  # fmt: skip
def test_malformed_files_are_one_line_and_write_nothing(content: str, message: str, tmp_path: Path) -> None:
    file, run = tmp_path / "theirs.jsonl", tmp_path / "run"
    file.write_text(content, encoding="utf-8")

    said = mistake("transcripts", "import", str(file), "--run", str(run), *SEATS)

    assert said == message.format(file=file, run=run, shapes=SHAPES)
    assert not (run / "run.db").exists() or stored(run) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seat", "Anna=german"], "--seat Anna=german: add the gender, female or male: --seat 'Anna=german:female'"),
        (["--seat", "Anna=german:f"], "--seat Anna=german:f: gender 'f' is neither female or male: --seat 'Anna=german:female'"),
        (["--seat", "Anna=germn:female"], "--seat Anna=germn:female: no persona or culture named 'germn'; did you mean 'german'?"),
        (["--seat", "Anna"], "--seat 'Anna' is not key=value"),
        (["--seat", "Anna=german_sophia", "--seat", "Anna=german_sophia"], "--seat: 'Anna' is given twice"),
        (["--seat", "Anna=arabic_abdul"], "{file}: two seats have one id: arabic_abdul, arabic_abdul"),
        (["--seat", "Anna=german:female", "--stance", "Anna=2"], "--stance Anna=…: an answer needs a question; add --question ID"),
        (["--seat", "Anna=german:female", "--stance", "Anna=two"], "--stance Anna=two: 'two' is not the code of an answer, e.g. Anna=2"),
        (["--seat", "Anna=german:female", "--question", "Q27", "--stance", "Anna=9"],
         "wvs7:Q27 has no answer 9; its scale is [1, 2, 3, 4]"),
        (["--seat", "Anna=german:female", "--main-contact", "Otto"],
         "{file}: --main-contact 'Otto' does not speak; speakers are 'Anna', 'Omar'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_mistakes_about_who_speaks_are_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    file, run = written(tmp_path, PLAIN), tmp_path / "run"

    said = mistake("transcripts", "import", file, "--run", str(run), "--seat", "Omar=arabic_abdul", *arguments)

    assert said == message.format(file=file)
    assert not run.exists()


def test_one_id_with_two_contents_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "talks.jsonl").write_text(own() + "\n" + own(language="de"), encoding="utf-8")

    said = mistake("transcripts", "import", str(tmp_path / "talks.jsonl"), "--run", str(tmp_path / "run"))

    assert said == f"{tmp_path}/run: talk t_1 is there with other content; import into a run of its own (--run)"
    assert stored(tmp_path / "run") == []


def test_other_content_under_a_known_id_is_refused_and_the_rest_of_the_file_too(held: Held, tmp_path: Path) -> None:
    before = held.talks()
    changed = before[0].model_copy(update={"reason": "edited"})
    write_talks([before[1].model_copy(update={"id": "t_new"}), changed], tmp_path / "talks.jsonl")

    said = mistake("transcripts", "import", str(tmp_path / "talks.jsonl"), "--run", str(held.run))

    assert said == f"{held.run}: talk {changed.id} is there with other content; import into a run of its own (--run)"
    assert held.talks() == before


@settings(max_examples=80, deadline=None)
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "speaker",
                        "text",
                        "conversations",
                        "from",
                        "value",
                        "messages",
                        "role",
                        "content",
                        "turns",
                        "schema",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_whatever_json_is_read_or_refused_in_one_line(content: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "any.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    refused = ""
    try:
        talks = read_talks(path, NOBODY)
    except CultureParkError as error:
        talks, refused = [], str(error)
    assert bool(talks) != bool(refused)
    assert "\n" not in refused
