"""`culturepark bench` on a scripted model: scores, what is refused, what is wrong with data, and exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from culturepark.benchmarks.moderation.sets import label_words
from culturepark.runtime.request import Message
from culturepark.training.row import make_row, write_rows
from tests.conftest import Ended
from tests.stub_server import Body, serving

pytestmark = pytest.mark.integration

REGISTRY = """\
tiny:
  culture: turkish
  language: tr
  task: spam
  local: {file}
  source: made up
  licence: CC0-1.0
  labels: {{spam: spam, ham: not_spam}}
  positive: spam
  natural: {{spam: 10, not_spam: 90}}
"""
GOOD = [{"text": f"text {number}", "label": "spam" if number % 2 else "ham"} for number in range(8)]


def write_set(folder: Path, rows: Sequence[dict[str, Any]] | str, *, name: str = "tiny.jsonl") -> Path:
    text = rows if isinstance(rows, str) else "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / name).write_text(text, encoding="utf-8")
    registry = folder / "sets.yaml"
    registry.write_text(REGISTRY.format(file=name), encoding="utf-8")
    return registry


def oracle(body: Body) -> str:
    """Knows the label: odd numbers are spam. Answers with the letter that stands for it, `text 7` wrongly."""
    text = body["messages"][-1]["content"]
    number = int(text.split("text ")[1].split('"')[0])
    label = "spam" if number % 2 and number != 7 else "not_spam"
    words = {label_words(label, language) for language in ("en", "tr")}
    return next(line[0] for line in text.splitlines() if line[1:3] == ": " and line[3:] in words)


def bench(folder: Path, base_url: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "culturepark", "bench", "moderation", "--model", "openai:stub", "--base-url", base_url,
        "--run", str(folder / "run"), *options,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_scores_are_those_of_the_answers(tmp_path: Path) -> None:
    registry = write_set(tmp_path, GOOD)

    with serving(answer=oracle) as stub:
        first = bench(tmp_path, stub.base_url, "--registry", str(registry), "--json")
        sent = stub.stats.requests
        again = bench(tmp_path, stub.base_url, "--registry", str(registry), "--json")

        assert stub.stats.requests == sent

    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    (result,) = found["results"]
    assert result["counts"] == {"answered": 32, "refused": 0, "invalid": 0, "failed": 0}  # 8 texts, 4 prompts
    scores = {score["name"]: score for score in result["scores"]}
    # One miss of four: spam F1 = 2*3/(4+3), not_spam F1 = 2*4/(4+5).
    assert scores["macro-F1 (plain, en)"]["value"] == pytest.approx((6 / 7 + 8 / 9) / 2)
    assert (scores["macro-F1 (plain, en)"]["n"], scores["macro-F1 (plain, en)"]["clusters"]) == (8, 1)
    # 100 texts by nature: of 10 spam 7.5 are found, none of the others is called spam.
    assert scores["macro-F1 natural (plain, en)"]["value"] == pytest.approx((15 / 17.5 + 180 / 182.5) / 2)
    assert json.loads(again.stdout)["results"] == found["results"]
    rows = result["tables"][1]["rows"]
    assert rows[0][:5] == ["tiny", "majority", "not_spam", 8, pytest.approx(1 / 3)]
    assert "4 positives" in [row[-1] for row in result["tables"][0]["rows"]]


def test_a_model_that_always_refuses_is_said_so_and_nothing_is_imputed(tmp_path: Path) -> None:
    registry = write_set(tmp_path, GOOD)

    with serving(answer=lambda _: "I'm sorry, I can't help with that.") as stub:
        done = bench(tmp_path, stub.base_url, "--registry", str(registry), "--json")

    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["problems"] == [
        "openai:stub answered none of 32 questions (32 refused, 0 invalid, 0 failed); try --scoring likelihood, or look "
        "at its replies in run.db"
    ]
    assert found["results"][0]["scores"] == []


@pytest.mark.parametrize(
    ("rows", "name", "expected"),
    [
        pytest.param(
            [{"text": "a", "label": "spam"}, {"text": "b", "label": "spm"}], "tiny.jsonl",
            "{file}:2, column 'label': no label named 'spm'; did you mean 'spam'?; add it to `labels` of tiny in {registry}",
            id="unknown-label",
        ),
        pytest.param(
            [{"text": "a", "label": "spam"}, {"text": " ", "label": "ham"}], "tiny.jsonl",
            "{file}:2, column 'text': the text is empty; mend the file, or add empty_text to `drop` of tiny in {registry}",
            id="empty-text",
        ),
        pytest.param(
            [{"text": "A  b", "label": "spam"}, {"text": "a b", "label": "ham"}], "tiny.jsonl",
            "{file}:2, column 'text': the same text as in row 1; mend the file, or add duplicate to `drop` of tiny in {registry}",
            id="duplicate",
        ),
        pytest.param(
            [{"text": "a", "label": "spam"}, {"text": "b", "label": "spam"}], "tiny.jsonl",
            "{file}, column 'label': only 'spam', so nothing can be told apart; give tiny a file with spam and not_spam",
            id="one-class",
        ),
        pytest.param(
            "txt,label\na,spam\n", "tiny.csv",
            "{file}: no column 'text'; did you mean 'txt'?; it has: label, txt; write it into `columns` of tiny in {registry}",
            id="missing-column",
        ),
        pytest.param('{"text": \n', "tiny.jsonl", "{file}:1: not JSON (Expecting value); mend that line", id="not-json"),
        pytest.param("", "tiny.jsonl", "{file}, column 'label': no row, so nothing can be told apart; give tiny a file with spam and not_spam", id="empty-file"),
    ],
)  # fmt: skip
def test_a_faulty_set_is_one_clear_line_and_the_others_go_on(
    tmp_path: Path, rows: Sequence[dict[str, Any]] | str, name: str, expected: str
) -> None:
    from culturepark.benchmarks.moderation.sets import choose_sets
    from culturepark.benchmarks.task import BenchSettings

    good = tmp_path / "good"
    good.mkdir()
    other = write_set(good, GOOD)
    other.write_text(other.read_text().replace("tiny:", "good:"), encoding="utf-8")
    registry = write_set(tmp_path, rows, name=name)

    chosen = choose_sets(BenchSettings(registry=(str(registry), str(other))))

    assert [one.name for one in chosen.sets] == ["good"]
    assert chosen.problems == (f"tiny: {expected.format(file=tmp_path / name, registry=registry)}",)


def test_texts_that_were_trained_on_are_left_out_and_told(tmp_path: Path) -> None:
    from culturepark.benchmarks.moderation.sets import choose_sets
    from culturepark.benchmarks.task import BenchSettings

    registry = write_set(tmp_path, GOOD)
    messages = (
        Message(role="system", content="s"), Message(role="user", content="TEXT  3"), Message(role="assistant", content="x"),
    )  # fmt: skip
    row = make_row(
        "opinion",
        messages,
        culture="turkish",
        country="TUR",
        language="tr",
        question="wvs7:Q1",
        stance=None,
        source="wvs7",
    )
    write_rows(tmp_path / "rows.jsonl", [row])

    chosen = choose_sets(BenchSettings(registry=(str(registry),), trained_on=(str(tmp_path / "rows.jsonl"),)))

    assert chosen.problems == ("tiny: 1 of its texts were trained on and are left out; train without them",)
    assert len(chosen.sets[0].rows) == 7


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("moderatoin",), "error: no suite named 'moderatoin'; did you mean 'moderation'? Known: all, "),
        (("moderation", "--model", "nli:x/y"), "error: model 'nli:x/y' judges pairs of texts and cannot be asked; name one that talks"),
        (("moderation", "--scoring", "guess"), "error: quickstart.yaml: bench.scoring = 'guess': input should be 'generate' or 'likelihood'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_leave_nothing(
    arguments: Sequence[str], expected: str, typed: Callable[..., Ended], tmp_path: Path
) -> None:
    done = typed("bench", *arguments, "--run", "run")

    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith(expected)
    assert not (tmp_path / "run").exists()


def test_every_shared_set_is_fit_and_a_small_limit_hears_every_culture(shared_data: Path) -> None:
    from culturepark.benchmarks.moderation.sets import choose_sets
    from culturepark.benchmarks.task import BenchSettings

    whole = choose_sets(BenchSettings(data=str(shared_data)))
    few = choose_sets(BenchSettings(data=str(shared_data), limit=40))

    assert (len(whole.sets), whole.problems) == (20, ())
    assert sum(len(one.rows) for one in whole.sets) == 6994
    assert {one.entry.data.culture for one in few.sets} == {
        "arabic", "bengali", "chinese", "german", "korean", "portuguese", "spanish", "turkish",
    }  # fmt: skip
    assert sum(len(one.rows) for one in few.sets) <= 40
