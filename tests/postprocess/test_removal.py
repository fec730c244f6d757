"""What is removed is gone, what stays holds together, and nothing comes back unasked."""

import json
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturepark.cli import app
from culturepark.postprocess.embeddings import text_key
from culturepark.postprocess.explain import explain
from culturepark.postprocess.fence import quoted
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.refine import make_samples
from culturepark.postprocess.tables import put_refined
from culturepark.postprocess.talk_facts import facts_of
from culturepark.postprocess.trace import trace
from culturepark.runtime.budget import Amount
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.forget import scrub
from culturepark.runtime.ledger import spent_before
from culturepark.runtime.store import open_store
from tests.commands import command, document, mistake
from tests.postprocess.conftest import Refined
from tests.postprocess.test_annotate import agreeing, fill, items_of

pytestmark = pytest.mark.slow


def holds_together(refined: Refined) -> None:
    """Every sample walks back, every turn forward, and every id leads somewhere."""
    store = open_store(refined.run, create=False)
    samples, opinions = refined.samples(), {opinion.id: opinion for opinion in refined.opinions()}
    explain(store, samples, source="wvs7")
    for talk in refined.talks():
        for turn in talk.turns:
            trace(store, f"{talk.id}:{turn.index}")
    store.close()
    standing = {opinion for sample in samples for opinion in sample.opinions}
    assert standing == {opinion.id for opinion in opinions.values() if opinion.dropped in {None, "merged"}}
    assert {sample.opinions[0] for sample in samples} == {one.id for one in opinions.values() if one.dropped is None}
    assert all(sample.mass == len(sample.opinions) for sample in samples)
    assert all(set(opinion.requests) <= replies(refined.run) for opinion in opinions.values())
    for opinion in opinions.values():
        assert opinion.kept is None or opinions[opinion.kept].dropped is None
        assert opinion.novelty is None or set(opinion.novelty.corroborated_by) <= opinions.keys()


def spent(run: Path) -> Amount:
    store = open_store(run, create=False)
    try:
        return spent_before(store)
    finally:
        store.close()


def bytes_of(run: Path) -> bytes:
    return b"".join(path.read_bytes() for path in run.iterdir() if path.name.startswith("run.db"))


def replies(run: Path) -> set[str]:
    """Keys of the ledger."""
    with closing(sqlite3.connect(run / "run.db")) as database:
        return {key for (key,) in database.execute("select key from replies")}


def embedded(run: Path) -> set[str]:
    """Hashes of the texts that the run keeps vectors of."""
    with closing(sqlite3.connect(run / "run.db")) as database:
        return {text for (text,) in database.execute("select text from embeddings")}


def counts(told: dict[str, object]) -> dict[str, tuple[int, int]]:
    return {line["what"]: (line["removed"], line["kept"]) for line in told["lines"]}  # type: ignore[index, attr-defined]


def test_a_question_goes_with_everything_made_from_it(refined: Refined, tmp_path: Path) -> None:
    run = ("--run", refined.run)
    command("samples", "annotate", "sheet", "--out", tmp_path / "s", "--raters", "anna,ben", "--n", 60, *run)
    items = items_of(refined.run)
    fill(tmp_path / "s/anna.csv", items, agreeing)
    command("samples", "annotate", "import", tmp_path / "s/anna.csv", *run)
    talks, opinions, money = refined.talks(), refined.opinions(), spent(refined.run)
    gone = {talk.id for talk in talks if talk.question is not None and talk.question.id == "wvs7:Q27"}
    texts = {turn.text for talk in talks if talk.id in gone for turn in talk.turns}
    texts -= {turn.text for talk in talks if talk.id not in gone for turn in talk.turns}
    before = bytes_of(refined.run)
    assert all(text.encode() in before for text in texts)
    assert {text_key(opinion.text) for opinion in opinions if opinion.is_verified} <= embedded(refined.run)

    would = document("samples", "remove", "--question", "Q27", "--dry-run", *run)
    assert refined.talks() == talks
    did = document("samples", "remove", "--question", "wvs7:Q27", "--yes", *run)

    assert (would["removed"], did["removed"]) == (False, True)
    assert {**would, "removed": True} == did
    assert set(did["talks"]) == gone
    assert {talk.id for talk in refined.talks()} == {talk.id for talk in talks} - gone
    left = {opinion.id: opinion for opinion in opinions if opinion.talk not in gone}
    assert {opinion.id for opinion in refined.opinions()} == set(left)
    texts_left = {text_key(text) for one in refined.opinions() for text in (one.text, one.judged_text)}
    assert embedded(refined.run) <= texts_left
    table = counts(did)
    assert table["talks"] == (len(gone), len(talks) - len(gone))
    assert table["opinions"] == (len(opinions) - len(left), len(left))
    assert table["samples"][1] == len(refined.samples())
    shown = [item for item in items.values() if not set(item.opinions) <= set(left)]
    assert table["items on rating sheets"] == (len(shown), len(items) - len(shown))
    assert table["ratings"] == (len(shown), len(items) - len(shown))
    assert set(items_of(refined.run)) == {item.code for item in items.values()} - {item.code for item in shown}
    holds_together(refined)
    # Not a word is left in the file: not in its free pages, not in its log, not in a prompt.
    after = bytes_of(refined.run)
    assert [text for text in texts if text.encode() in after] == []
    assert spent(refined.run) == money
    for table_name in ("talks", "turns", "opinions", "annotations"):
        column = "id" if table_name == "talks" else "talk"
        rows = sqlite3.connect(refined.run / "run.db").execute(f"SELECT {column} FROM {table_name}").fetchall()
        assert not gone & {row[0] for row in rows}


def test_while_somebody_reads_the_old_texts_stay_and_the_same_command_takes_them_out_later(refined: Refined) -> None:
    talks = refined.talks()
    own = {
        one.seed.id: {turn.text for talk in talks if talk.seed.id == one.seed.id for turn in talk.turns}
        for one in talks
    }
    texts = {text.encode() for text in own["wvs7:Q27"] - own["wvs7:Q170"] - own["wvs7:Q29"]}
    options = ("samples", "remove", "--question", "Q27", "--yes", "--run", str(refined.run))
    with closing(sqlite3.connect(refined.run / "run.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        (seen,) = reader.execute("SELECT count(*) FROM talks").fetchone()
        began = time.monotonic()
        first = CliRunner().invoke(app, options)
        took = time.monotonic() - began
        lingering = [text for text in texts if text in bytes_of(refined.run)]
        assert reader.execute("SELECT count(*) FROM talks").fetchone() == (seen,)

    left = {talk.id for talk in refined.talks()}
    second = CliRunner().invoke(app, options)

    assert (first.exit_code, first.stderr) == (
        1,
        f"another process is reading {refined.run}/run.db, so removed texts still stand in it or in run.db-wal; "
        "when it has ended, run the same command again, which takes them out\n",
    )
    assert lingering
    assert took < 15
    assert left == {talk.id for talk in talks if talk.seed.id != "wvs7:Q27"}
    assert (second.exit_code, second.stderr) == (0, "")
    assert second.stdout.startswith("wvs7:Q27 was removed from this run before\n")
    assert [text for text in texts if text in bytes_of(refined.run)] == []
    assert {talk.id for talk in refined.talks()} == left


def test_a_file_that_somebody_writes_cannot_be_written_anew(refined: Refined) -> None:
    with closing(sqlite3.connect(refined.run / "run.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        store = open_store(refined.run, create=False)
        with pytest.raises(CultureParkError) as refused:
            scrub(store)
        store.close()

    assert str(refused.value) == f"{refined.run}: another program has locked run.db; close it and run the same command"


def test_what_stays_is_refined_again_without_a_request_and_the_question_stays_out(refined: Refined) -> None:
    run = ("--run", refined.run)
    command("samples", "remove", "--question", "Q27", "--yes", *run)
    exclusive = refined.run / "study.yaml"
    before = {talk.id for talk in refined.talks()}
    known = {opinion.judged_text for opinion in refined.opinions()}

    again = document("run", exclusive, *run)

    assert {talk.id for talk in refined.talks()} == before
    # Nothing is read or judged again. Novel opinions are compared with those that moved up among the most similar.
    pairs = [re.findall(r'"(.*?)"', body["messages"][-1]["content"]) for body in refined.stub.bodies]
    assert all(quoted(said)[1:-1] == said for said in known)
    assert all(set(pair) <= known for pair in pairs)
    refined.stub.reset()
    assert document("run", exclusive, *run)["requests_sent"] == 0
    assert again["removed"] == ["6 talks: wvs7:Q27 was removed from this run"]
    assert "left out: 6 talks: wvs7:Q27 was removed from this run" in command("run", exclusive, *run)
    assert mistake("run", exclusive, "--question", "Q27", *run) == (
        f"{refined.run}: every talk of the study uses what was removed from this run (wvs7:Q27); choose other questions, "
        "or another --run"
    )
    holds_together(refined)


def test_one_countrys_answers_go_with_the_talks_that_used_them(refined: Refined) -> None:
    talks = refined.talks()
    uses = {
        talk.id
        for talk in talks
        if talk.seed.id == "wvs7:Q170" and any(seat.stance and seat.stance.country == "TUR" for seat in talk.seats)
    }

    told = document("samples", "remove", "--question", "Q170", "--country", "TUR", "--yes", "--run", refined.run)

    assert set(told["talks"]) == uses
    assert 0 < len(uses) < sum(talk.seed.id == "wvs7:Q170" for talk in talks)
    holds_together(refined)
    again = document("samples", "remove", "--question", "Q170", "--country", "TUR", "--yes", "--run", refined.run)
    assert (again["again"], again["talks"]) == (True, [])


def test_forks_go_with_the_talk_they_share_turns_with_and_cannot_come_back(refined: Refined, tmp_path: Path) -> None:
    run = ("--run", refined.run)
    fork = next(talk for talk in refined.talks() if talk.parent is not None)
    command("transcripts", "export", "--out", tmp_path / "talks.jsonl", *run)
    question = fork.seed.id

    told = document("samples", "remove", "--question", question, "--yes", *run)

    assert fork.id in told["talks"]
    line = mistake("transcripts", "import", tmp_path / "talks.jsonl", *run)
    assert line.startswith(f"{refined.run}: talk t_")
    assert line.endswith(f" uses {question}, which was removed from this run; choose another --run")
    assert all(talk.seed.id != question for talk in refined.talks())


def test_opinions_whose_stand_in_goes_are_samples_again(refined: Refined) -> None:
    """Opinions are merged across questions: the one that stood for others may go without them."""
    facts = {talk.id: facts_of(talk) for talk in refined.talks()}
    opinions = refined.opinions()
    mine = next(one for one in opinions if one.question == "wvs7:Q27")
    others = [one for one in opinions if one.question == "wvs7:Q170"][:3]
    fields = {"dropped": "merged", "kept": mine.id, "cosine": 0.9}

    def state(one: Opinion) -> Opinion:
        if one.id == mine.id:
            return one.model_copy(update={"dropped": None, "kept": None})
        if one in others[:2]:
            return one.model_copy(update=fields)
        if one == others[2]:
            return one.model_copy(update={"dropped": None, "kept": None})
        return one.model_copy(update={"dropped": "irrelevant", "kept": None})

    changed = [state(one) for one in opinions]
    store = open_store(refined.run, create=False)
    with store.session() as session:
        put_refined(session.connection(), store.run_id, changed, list(make_samples(changed, facts)), None)
    store.close()
    assert sorted(sample.mass for sample in refined.samples()) == [1, 3]

    told = document("samples", "remove", "--question", "Q27", "--yes", "--run", refined.run)

    samples = refined.samples()
    assert sorted(sample.opinions for sample in samples) == sorted((one.id,) for one in others)
    assert next(line["why"] for line in told["lines"] if line["what"] == "samples") == (
        "2 stand on their own, since the opinion that stood for them goes; the next refine may merge them"
    )
    holds_together(refined)


def test_removing_asks_first(refined_once: Refined) -> None:
    run = ("--run", refined_once.run)
    before = refined_once.talks()

    line = mistake("samples", "remove", "--question", "Q27", *run)
    shown = command("samples", "remove", "--question", "Q27", "--dry-run", *run)

    assert line == "nothing was removed: this cannot be undone, so it needs --yes"
    assert shown.splitlines()[0] == "derived from wvs7:Q27\tto remove\tstays\twhy it stays"
    assert "ledger replies" in shown
    assert refined_once.talks() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--question", "Q999"], "--question 'Q999': neither this run nor its survey has it; `culturepark surveys list` shows the questions"),
        (["--question", "wvs7:Q2"], "--question 'wvs7:Q2': neither this run nor its survey has it; did you mean 'wvs7:Q27'?"),
        (["--question", "Q27", "--country", "JRO"], "--country 'JRO': no answers of such a country; did you mean 'JOR'? "
         "Known: ARG, BGD, BRA, CHN, DEU, JOR, KOR, TUR, USA."),
    ],
)  # fmt: skip
def test_what_is_not_there_cannot_be_removed(options: list[str], message: str, refined_once: Refined) -> None:
    line = mistake("samples", "remove", *options, "--yes", "--run", refined_once.run)

    assert line.partition("did you mean")[0] == message.partition("did you mean")[0]


def test_removed_spending_counts_for_the_budget(refined: Refined, tmp_path: Path) -> None:
    requests = spent(refined.run).requests
    command("samples", "remove", "--question", "Q27", "--yes", "--run", refined.run)
    held = sqlite3.connect(refined.run / "run.db").execute("SELECT count(*) FROM replies").fetchone()[0]
    study = (refined.run / "study.yaml").read_text("utf-8")
    limited = tmp_path / "limited.yaml"
    limited.write_text(study.replace("requests: null", f"requests: {requests}"), encoding="utf-8")

    assert held < requests
    told = command("run", limited, "--question", "Q28", "--run", refined.run, expect=1)
    assert json.dumps(told) is not None
    assert spent(refined.run).requests == requests
