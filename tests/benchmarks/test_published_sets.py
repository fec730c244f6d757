"""Published layouts with their traps, made up: files, sets of the hub, what was trained on, and small limits."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
import pytest

from culturepark.benchmarks.contamination import was_trained_on
from culturepark.benchmarks.forgetting.problems import LAYOUTS as PROBLEMS
from culturepark.benchmarks.forgetting.problems import Problem
from culturepark.benchmarks.harm.hatecheck import languages
from culturepark.benchmarks.harm.stereotypes import Sentences
from culturepark.benchmarks.harm.suite import LAYOUTS as HARM
from culturepark.benchmarks.published import Item, Layout
from culturepark.benchmarks.published_sets import Chosen, choose_sets
from culturepark.benchmarks.task import BenchSettings, load_task
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.request import Message
from culturepark.training.filters import text_hash
from culturepark.training.row import make_row, write_rows
from tests.benchmarks import published_files as made_up
from tests.benchmarks.published_files import HARD, HATE_CASES, PAIRS, SHOWN, SUMS, TRIPLES, triple, write_all


def choose(data: Path, suite: str = "harm", *, shots: int = 0, **settings: Any) -> Chosen[Item]:
    layouts: Mapping[str, Layout[Any]] = HARM if suite == "harm" else PROBLEMS
    chosen = BenchSettings.model_validate({"data": str(data), **settings})
    return choose_sets(chosen, f"culturepark.benchmarks.{suite}", layouts, shots=shots, of_cultures=suite == "harm")


def test_published_files_are_read_as_they_are(tmp_path: Path) -> None:
    write_all(tmp_path)

    harm = {one.name: one.items for one in choose(tmp_path).sets}
    forgetting = {one.name: one.items for one in choose(tmp_path, "forgetting").sets}

    assert {name: len(items) for name, items in harm.items()} == {"hatecheck": 8, "stereoset": 4, "crows_pairs": 4}
    assert harm["hatecheck"][2].texts == ("Martians, you will be\nthrown out.",)
    assert harm["hatecheck"][2].groups == (
        ("functionality", "threat_dir_h"),
        ("gold", "hateful"),
        ("target", "Martians"),
    )
    assert harm["hatecheck"][6].groups[-1] == ("gold", "non-hateful")
    assert [item.cluster for item in harm["stereoset"]] == [
        "term martian",
        "term venusian",
        "term martian",
        "term pilot",
    ]
    first, *_, last = harm["stereoset"]
    assert isinstance(first, Sentences)
    assert isinstance(last, Sentences)
    assert (first.context, first.stereotype, first.other, first.unrelated) == TRIPLES[0][3:]
    assert last.context == ""  # of a sentence with a blank, the context is the sentence
    pairs = [item for item in harm["crows_pairs"] if isinstance(item, Sentences)]
    assert [(pair.stereotype, pair.other) for pair in pairs] == [pair[:2] for pair in PAIRS]
    sums = [item for item in forgetting["gsm8k"] if isinstance(item, Problem)]
    assert [float(item.number) for item in sums] == [1234, 6, -7, 4.5]
    assert sums[1].worked == "3*2=6\nThe answer is 6."  # without the calculator's marks
    hard = {item.question: item for item in forgetting["bbh"] if isinstance(item, Problem)}
    assert {item.task for item in hard.values()} == set(HARD)
    lettered, dashed = hard[HARD["which_is_red"][0][0]], hard[HARD["valid"][0][0]]
    assert (lettered.options, lettered.meanings, lettered.answer) == (("A", "B"), ("grass", "blood"), "B")
    assert (dashed.options, dashed.meanings, dashed.answer) == (("valid", "invalid"), (), "valid")
    assert len(hard) == 6  # a target that is none of the options is left out


def write_harm(write: Callable[[Path], object], name: str) -> Callable[[Path], Path]:
    def written(data: Path) -> Path:
        write(data / name)
        return data / name

    return written


HATE = "harm/hatecheck/test_suite_cases.csv"
CROWS = "harm/crows_pairs/crows_pairs_anonymized.csv"
STEREO = "harm/stereoset/dev.json"
GSM = "forgetting/gsm8k/test.jsonl"


@pytest.mark.parametrize(
    ("file", "write", "expected"),
    [
        pytest.param(
            HATE, lambda path: made_up.write_hate(path, [("f", "a", "hate", "", "1")]),
            "{file}:2, column 'label_gold': no label named 'hate'; did you mean 'hateful'?; map it to hateful or non-hateful in `labels` of hatecheck "
            "in harm/registry.yaml",
            id="unknown-label",
        ),
        pytest.param(
            HATE, lambda path: made_up.write_hate(path, [("f", " ", "hateful", "", "1")]),
            "{file}:2, column 'test_case': the text is empty; mend the file, or add empty_text to `drop` of hatecheck in "
            "harm/registry.yaml",
            id="empty-text",
        ),
        pytest.param(
            HATE, lambda path: made_up.write_hate(path, HATE_CASES[:4]),
            "{file}: only rows labelled 'hateful', so nothing can be told apart; give hatecheck a file with both labels",
            id="one-class",
        ),
        pytest.param(
            CROWS, lambda path: made_up.write_pairs(path, [*PAIRS, PAIRS[0]]),
            "{file}:6: the same as {file}:2; mend the file, or add duplicate to `drop` of crows_pairs in harm/registry.yaml",
            id="duplicate",
        ),
        pytest.param(
            CROWS, lambda path: write_text(path, "sent_mor,sent_less,stereo_antistereo,bias_type\na,b,stereo,age\n"),
            "{file}:2: no column 'sent_more'; did you mean 'sent_mor'?; it has: bias_type, sent_less, sent_mor, "
            "stereo_antistereo; write it into `columns` of crows_pairs in harm/registry.yaml",
            id="missing-column",
        ),
        pytest.param(
            STEREO, lambda path: made_up.write_triples(path, [(*TRIPLES[0][:5], TRIPLES[0][4], "x")]),
            "{file}, row 1, column 'sentences': two of its sentences are the same; mend the file, or add duplicate to `drop` "
            "of stereoset in harm/registry.yaml",
            id="same-sentences",
        ),
        pytest.param(
            STEREO, lambda path: write_text(path, json.dumps({"data": {"other": [triple("c", "t", "b", "xyz")]}})),
            "{file}, row 1: neither an intersentence nor an intrasentence row but 'other'; name the file so, or add a column "
            "`task` that says which",
            id="unknown-kind",
        ),
        pytest.param(
            STEREO, lambda path: write_text(path, '{"version": "1.1"}'),
            "{file}: holds no 'data'; check that it is the file that `layout` names",
            id="another-file",
        ),
        pytest.param(STEREO, lambda path: write_text(path, '{"data": \n'), "{file}:2: not JSON (Expecting value); mend that line", id="not-json"),
        pytest.param(
            GSM, lambda path: made_up.write_sums(path, [("How many?", "Four.")]),
            "{file}:1, column 'answer': it does not end in `####` and a number; end it so, or name the column that does in "
            "`columns`",
            id="no-final-number",
        ),
        pytest.param(GSM, lambda path: write_text(path, ""), "{file}: no row to measure with; give gsm8k another file, or another `split`", id="empty-file"),
    ],
)  # fmt: skip
def test_a_faulty_set_is_one_clear_line_and_the_others_go_on(
    tmp_path: Path, file: str, write: Callable[[Path], object], expected: str
) -> None:
    write_all(tmp_path)
    write(tmp_path / file)
    name = {HATE: "hatecheck", CROWS: "crows_pairs", STEREO: "stereoset", GSM: "gsm8k"}[file]
    suite = file.partition("/")[0]

    chosen = choose(tmp_path, suite)

    assert chosen.problems == (f"{name}: {expected.format(file=tmp_path / file)}",)
    assert name not in {one.name for one in chosen.sets}
    assert chosen.sets


def write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def test_what_was_trained_on_is_left_out_and_told(tmp_path: Path) -> None:
    write_all(tmp_path)
    said = (PAIRS[1][1].upper(), HATE_CASES[2][1], f"Question: x\n{HARD['which_is_red'][1][0]}", "Options:")
    rows = [
        make_row(
            "opinion",
            (
                Message(role="system", content="s"),
                Message(role="user", content=text),
                Message(role="assistant", content="x"),
            ),
            culture="turkish", country="TUR", language="tr", question="wvs7:Q1", stance=None, source="wvs7",
        )
        for text in said
    ]  # fmt: skip
    write_rows(tmp_path / "rows.jsonl", rows)
    trained = (str(tmp_path / "rows.jsonl"),)

    harm, forgetting = choose(tmp_path, trained_on=trained), choose(tmp_path, "forgetting", trained_on=trained)

    left_out = "1 of its items were trained on and are left out; train without them"
    assert harm.problems == (f"hatecheck: {left_out}", f"crows_pairs: {left_out}")
    assert forgetting.problems == (f"bbh: {left_out}",)
    assert {one.name: len(one.items) for one in (*harm.sets, *forgetting.sets)} == {
        "hatecheck": 7, "stereoset": 4, "crows_pairs": 3, "gsm8k": 4, "bbh": 5,
    }  # fmt: skip


def test_a_line_that_many_questions_share_is_not_the_question() -> None:
    trained = {text_hash("Which one is red?"), text_hash("Options:")}

    assert not was_trained_on("Which one is red?\nOptions:\n(A) grass", trained)


def test_examples_stand_before_questions_and_are_not_asked(tmp_path: Path) -> None:
    write_all(tmp_path)

    chosen = {one.name: one for one in choose(tmp_path, "forgetting", shots=1).sets}

    assert [example.texts for example in chosen["gsm8k"].examples] in ([(SHOWN[0][0],)], [(SHOWN[1][0],)])
    assert len(chosen["gsm8k"].items) == len(SUMS)
    hard = chosen["bbh"]
    assert not set(hard.items) & set(hard.examples)
    assert (len(hard.items), len(hard.examples)) == (4, 2)  # a task with one question shows no example


def test_a_small_limit_hears_every_set_and_many_parts_of_it(tmp_path: Path) -> None:
    write_all(tmp_path)

    harm = choose(tmp_path, limit=6).sets

    assert [(one.name, len(one.items)) for one in harm] == [("hatecheck", 2), ("stereoset", 2), ("crows_pairs", 2)]
    assert len({item.groups[0] for one in harm for item in one.items}) == 6


def test_an_entry_of_ones_own_names_columns_and_labels(tmp_path: Path) -> None:
    write_text(tmp_path / "mine.csv", "kind,text,gold\nnew_h,Down with Martians,HATE\nnew_nh,Up with Martians,OK\n")
    write_text(
        tmp_path / "sets.yaml",
        "mine: {layout: hatecheck, culture: turkish, language: tr, source: mine, licence: CC0-1.0, local: mine.csv,\n"
        "  columns: {functionality: kind, test_case: text, label_gold: gold}, labels: {HATE: hateful, OK: non-hateful}}\n"
        "sums: {layout: gsm8k, source: mine, licence: CC0-1.0, local: nowhere.jsonl}\n",
    )

    settings = BenchSettings(registry=(str(tmp_path / "sets.yaml"),))
    chosen = choose_sets(settings, "culturepark.benchmarks.harm", HARM)

    assert [(one.name, len(one.items), one.data.culture) for one in chosen.sets] == [("mine", 2, "turkish")]
    task = load_task("culturepark.benchmarks.harm")
    assert languages(task, chosen.sets[0], settings) == ("en",)  # there are no Turkish words for the question
    write_text(tmp_path / "sets.yaml", "mine: {layout: hatechek, source: s, licence: l, local: mine.csv}\n")
    with pytest.raises(
        CultureParkError, match=r"sets.yaml, mine: field 'layout' .*'hatechek'|mine: layout = 'hatechek'"
    ):
        choose_sets(settings, "culturepark.benchmarks.harm", HARM)


def test_a_set_of_the_hub_is_loaded_with_the_names_of_its_labels(tmp_path: Path) -> None:
    """The real package on a folder, as on an id of the hub; labels are numbers there, also inside sentences."""
    gold = datasets.ClassLabel(names=["anti-stereotype", "stereotype", "unrelated"])
    features = datasets.Features(
        {
            "target": datasets.Value("string"), "bias_type": datasets.Value("string"), "context": datasets.Value("string"),
            "sentences": datasets.Sequence({"sentence": datasets.Value("string"), "gold_label": gold}),
        }
    )  # fmt: skip
    row = {
        "target": "Martian", "bias_type": "race", "context": "A Martian came.",
        "sentences": {"sentence": ["He was quiet.", "He was noisy.", "Tin melts."], "gold_label": [0, 1, 2]},
    }  # fmt: skip
    folder = tmp_path / "stereoset"
    for kind in ("intersentence", "intrasentence"):
        (folder / kind).mkdir(parents=True)
        one = {**row, "context": f"{kind} {row['context']}"}
        datasets.Dataset.from_list([one], features=features).to_parquet(folder / kind / "validation.parquet")
    write_text(
        folder / "README.md",
        "---\nconfigs:\n- config_name: intersentence\n  data_files: [{split: validation, path: intersentence/*}]\n"
        "- config_name: intrasentence\n  data_files: [{split: validation, path: intrasentence/*}]\n---\n",
    )
    write_text(
        tmp_path / "sets.yaml",
        f"hubbed: {{layout: stereoset, source: s, licence: l, hub: {{id: '{folder}', split: validation}}, "
        "tasks: [intersentence, intrasentence]}\n",
    )

    settings = BenchSettings(registry=(str(tmp_path / "sets.yaml"),))
    (found,) = choose_sets(settings, "culturepark.benchmarks.harm", HARM).sets

    assert [(item.stereotype, item.other, item.groups[1]) for item in found.items if isinstance(item, Sentences)] == [
        ("He was noisy.", "He was quiet.", ("kind", "intersentence")),
        ("He was noisy.", "He was quiet.", ("kind", "intrasentence")),
    ]
    shutil.rmtree(folder)
    (problem,) = choose_sets(settings, "culturepark.benchmarks.harm", HARM).problems
    assert problem.startswith(f"hubbed: hub {folder} (intersentence), split 'validation': cannot be loaded (")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"sets": ("hatechek",)},
            "harm: no set named 'hatechek'; did you mean 'hatecheck'? Known: crows_pairs, hatecheck, hatecheck_arabic, "
            "hatecheck_chinese, hatecheck_german, hatecheck_portuguese, hatecheck_spanish, stereoset.",
        ),
        (
            {"cultures": ("korea",)},
            "no culture named 'korea'; did you mean 'korean'? Known: arabic, bengali, chinese, english, german, korean, "
            "portuguese, spanish, turkish.",
        ),
    ],
)
def test_sets_and_cultures_that_nobody_knows_are_named(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_all(tmp_path)

    with pytest.raises(CultureParkError) as error:
        choose(tmp_path, **settings)

    assert str(error.value) == message
