"""From a real refined run to rows: what each kind says, what never becomes one, and that the counts add up."""

import json
from pathlib import Path

import pytest

from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapters import read_adapter
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, SentenceEmbedder
from culturepark.runtime.request import Message
from culturepark.runtime.store import open_store
from culturepark.training.curves import read_curves
from culturepark.training.dataset import Dataset, make_dataset
from culturepark.training.encoding import count_tokens, load_tokenizer
from culturepark.training.filters import drop_near_held_out, text_hash, text_hashes
from culturepark.training.from_samples import Asking
from culturepark.training.local import rows_sha256
from culturepark.training.material import Material
from culturepark.training.placebo import deranged
from culturepark.training.prompt import prompt_sha256, question_in, scale_prompt
from culturepark.training.row import make_row, read_rows, write_rows
from culturepark.training.settings import TrainSettings
from culturepark.training.tables import load_curve
from tests.commands import document, mistake
from tests.training.conftest import HashEmbedder


def dataset(material: Material, **settings: object) -> Dataset:
    return make_dataset(
        material,
        TrainSettings.model_validate(settings),
        HashEmbedder(),
        place="runs/small",
        seed=3,  # type: ignore[arg-type]
    )


def test_a_survey_row_is_the_question_with_its_scale_then_answer_and_opinion(material: Material) -> None:
    (one, *_) = dataset(material, scope="all", rows=["survey"], validation=0).sets
    row = next(row for row in one.rows if row.question == "wvs7:Q27" and row.culture == "turkish")
    sample = next(sample for sample in material.samples if sample.id == row.sample)

    assert sample.stance is not None
    assert [message.role for message in row.messages] == ["system", "user", "assistant"]
    assert row.messages[0].content == "You answer as people in Turkey do. Speak for yourself, in a sentence or two."
    assert row.messages[1].content == (
        "What do you think of this? Making my parents proud has been one of the main aims of my life.\n\n"
        "1: agree strongly\n2: agree\n3: disagree\n4: disagree strongly\n\nBegin with the number of your answer."
    )
    assert row.answer == f"{sample.stance.code}\n{sample.text}"


def test_a_ten_point_scale_labels_its_ends_only_in_every_language(material: Material) -> None:
    survey = load_survey("wvs7")
    ten = next(one for one in survey.questions.values() if len(one.scale.codes) == 10)

    for language in ("en", *survey.languages):
        asked = question_in(survey, ten.id, language)
        options = scale_prompt(asked, material.cultures["turkish"])[1].content.split("\n\n")[1].splitlines()
        assert options[1:9] == [str(code) for code in range(2, 10)], language
        assert options[0] == f"1: {asked.labels[1]}"
        assert options[9] == f"10: {asked.labels[10]}"
    assert len(prompt_sha256()) == 64


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("culturepark", ["survey", "opinion", "dialogue", "distribution", "answer"]),
        ("answer", ["survey"]),
        ("distribution", ["survey"]),
        ("placebo", ["survey", "opinion"]),
    ],
)
@pytest.mark.parametrize("weight", ["survey", "mass", "none"])
def test_counts_add_up_and_only_seed_questions_become_rows(
    material: Material, mode: str, rows: list[str], weight: str
) -> None:
    found = dataset(material, mode=mode, rows=rows, weight=weight)

    made = [row for one in found.sets for row in (*one.rows, *one.validation)]
    split = {question.id: question.split for question in load_survey("wvs7").questions.values()}
    assert made
    assert {split[row.question] for row in made} == {"seed"}
    for funnel in found.report.funnel:
        funnel.check()
    assert sum(one.training + one.validation for one in found.report.funnel) == len(made)
    assert all(row.source == mode for row in made)
    for one in found.sets:
        assert {row.culture for row in one.rows} == {one.name}
        assert not {row.talk for row in one.rows if row.talk} & {row.talk for row in one.validation if row.talk}
    assert dataset(material, mode=mode, rows=rows, weight=weight) == found


def test_a_sample_of_a_held_out_question_gives_no_row(material: Material) -> None:
    held = next(one for one in load_survey("wvs7").questions.values() if one.split == "held-out")
    first, *others = material.samples
    moved = material._replace(samples=(first.model_copy(update={"question": held.id}), *others))

    found = dataset(moved, rows=["opinion"], scope="all")

    (funnel,) = found.report.funnel
    assert funnel.without == {"held_out_question": 1}
    assert held.id not in {row.question for one in found.sets for row in (*one.rows, *one.validation)}


def test_what_was_not_verified_is_no_answer_on_the_scale(material: Material) -> None:
    first = material.samples[0]
    doubted = material.opinions[first.opinions[0]].model_copy(update={"verdict": "irrelevant"})
    found = dataset(
        material._replace(opinions={**material.opinions, doubted.id: doubted}), rows=["survey", "opinion"], scope="all"
    )

    survey, opinion = found.report.funnel
    assert survey.without == {"not_verified": 1}
    assert opinion.without == {}


def test_the_placebo_is_the_same_rows_under_other_names(material: Material) -> None:
    settings = {"scope": "all", "validation": 0, "rows": ["survey"]}
    real, placebo = (dataset(material, mode=mode, **settings).sets[0].rows for mode in ("culturepark", "placebo"))

    assert [(row.question, row.answer, row.weight) for row in placebo] == [
        (row.question, row.answer, row.weight) for row in real
    ]
    other = {"arabic": "turkish", "turkish": "arabic"}
    assert [row.culture for row in placebo] == [other[row.culture] for row in real]
    names = {"arabic": "Jordan", "turkish": "Turkey"}
    assert all(f"people in {names[row.culture]} do" in row.messages[0].content for row in placebo)


@pytest.mark.parametrize("size", [2, 3, 8])
def test_nobody_keeps_a_name_where_there_are_two(size: int) -> None:
    names = [f"culture{number}" for number in range(size)]

    found = deranged(names, seed=4)

    assert sorted(found.values()) == names
    assert all(one != other for one, other in found.items())


def test_duplicates_and_long_rows_are_counted_and_listed(material: Material) -> None:
    first = material.samples[0]
    again = first.model_copy(update={"id": "s_again"})
    long = first.model_copy(update={"id": "s_long", "text": "I think so. " * 400})
    found = dataset(material._replace(samples=(*material.samples, again, long)), rows=["opinion"], scope="all")

    (funnel,) = found.report.funnel
    assert (funnel.dropped["duplicate"], funnel.dropped["too_long"]) == (1, 1)
    assert [(one.reason, one.row.sample) for one in found.dropped] == [("duplicate", "s_again"), ("too_long", "s_long")]


@pytest.mark.slow
def test_a_row_that_says_a_held_out_question_is_left_out() -> None:
    survey = load_survey("wvs7")
    held = next(one for one in survey.questions.values() if one.split == "held-out")

    def row(text: str) -> object:
        return make_row(
            "opinion", (Message(role="user", content="Well?"), Message(role="assistant", content=text)),
            culture="arabic", country="JOR", language="en", question="wvs7:Q27", stance=1, source="culturepark",
        )  # fmt: skip

    rows = [row(f"I think this: {held.text['en']}"), row("My mother bakes bread on Fridays.")]
    kept, dropped = drop_near_held_out(rows, [survey], SentenceEmbedder(DEFAULT_EMBEDDER), max_cosine=0.7)  # type: ignore[arg-type]

    assert kept == rows[1:]
    assert [one.detail.split(" at ")[0] for one in dropped] == [held.id]


def test_modes_can_be_given_the_same_number_of_tokens(material: Material) -> None:
    whole = dataset(material, scope="all").report.sets[0]
    for mode in ("culturepark", "placebo", "distribution", "answer"):
        (size,) = dataset(material, scope="all", mode=mode, tokens=1500).report.sets
        assert size.tokens <= 1500 < whole.tokens
        assert size.tokens > 1300


def test_rows_are_written_and_read_back(material: Material, tmp_path: Path) -> None:
    rows = list(dataset(material, scope="all", rows=["dialogue"]).sets[0].rows)
    write_rows(tmp_path / "rows.jsonl", rows)

    assert read_rows(tmp_path / "rows.jsonl") == rows
    text = (tmp_path / "rows.jsonl").read_text("utf-8")
    (tmp_path / "rows.jsonl").write_text(text + "{", encoding="utf-8")
    with pytest.raises(CultureParkError, match=rf"rows\.jsonl:{len(rows) + 1}: not JSON"):
        read_rows(tmp_path / "rows.jsonl")
    assert text_hash(rows[0].answer.upper()) in text_hashes(rows)


def test_languages_are_those_of_the_talk(material: Material) -> None:
    native = material._replace(native=True)
    found = dataset(native, mode="distribution", cultures=["turkish"], validation=0)

    assert found.sets[0].rows[0].messages[1].content.startswith("Bu söz hakkında ne düşünüyorsun?")
    assert Asking(native).question("wvs7:Q27", "tr").labels[1] == "kesinlikle katılıyorum"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--culture", "arabix"], "{run}: no culture named 'arabix'; did you mean 'arabic'? Known: arabic, english, turkish."),
        (["--rows", "surve"],
         "--rows: no kind of row named 'surve'; did you mean 'survey'? Known: answer, dialogue, distribution, opinion, survey."),
        (["--mode", "placbo"],
         "--mode: no mode named 'placbo'; did you mean 'placebo'? "
         "Known: answer, augment, culturepark, direct, distribution, placebo."),
        (["--weight", "equal"], "--weight: no weight named 'equal'. Known: mass, none, survey."),
        (["--preset", "papers"], "no preset named 'papers'; did you mean 'paper'? Known: default, paper."),
        (["--seeds", "1,x"], "--seeds: 'x' is not a whole number from 0; write for instance 0,1,2"),
        (["--culture", "english"],
         "{run}: culture 'english': no sample, and training takes at least 2; hold more talks (`--limit`)"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(refined_run: Path, options: list[str], expected: str) -> None:
    assert mistake("train", refined_run, "--dry-run", *options) == expected.format(run=refined_run)
    assert not (refined_run / "training").exists()


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("none", "runs/small: none of the {opinions} opinions of this run became a sample; hold more talks (`--limit`), "
         "or refine with --keep entail+novel"),
        ("one question", "runs/small: culture 'arabic': all {count} samples are about one question (wvs7:Q27), so a model "
         "would learn that question by heart; hold more talks (`--limit`)"),
        ("one", "runs/small: culture 'arabic': one sample, and training takes at least 2; hold more talks (`--limit`)"),
        ("unrefined", "runs/small: this run was not refined, so it has no samples; run `culturepark refine --run runs/small` first"),
    ],
)  # fmt: skip
def test_too_few_samples_are_one_line(material: Material, keep: str, expected: str) -> None:
    family = [one for one in material.samples if one.question == "wvs7:Q27" and one.culture == "arabic"]
    chosen = {"none": [], "unrefined": [], "one": family[:1], "one question": family}[keep]
    opinions = {} if keep == "unrefined" else material.opinions

    with pytest.raises(CultureParkError) as caught:
        dataset(material._replace(samples=tuple(chosen), opinions=opinions))

    assert str(caught.value) == expected.format(opinions=len(opinions), count=len(family))


@pytest.mark.slow
def test_a_dry_run_writes_rows_and_trains_nothing(refined_run: Path) -> None:
    found = document("train", refined_run, "--dry-run", "--method", "openai")

    assert found["models"] == []
    names = [one["name"] for one in found["report"]["sets"]]
    assert names == ["arabic", "turkish"]
    assert not found["report"]["exact_tokens"]
    for one in found["report"]["sets"]:
        rows = read_rows(refined_run / "training" / f"{one['name']}-culturepark" / "rows.jsonl")
        assert (len(rows), sum(row.weight for row in rows)) == (one["rows"], one["counted"])
    kept = json.loads((refined_run / "training/culturepark.json").read_text("utf-8"))
    assert kept["report"] == found["report"]
    assert kept["settings"]["method"] == "openai"
    assert set(found["cost"]) == {"arabic", "turkish"}


@pytest.mark.slow
def test_one_command_trains_an_adapter_and_a_second_one_trains_nothing(refined_run: Path, base: Path) -> None:
    command = ("train", refined_run, "--culture", "arabic", "--base", base, "--rows", "survey")
    found = document(*command)

    (model,) = found["models"]
    assert (model["name"], model["status"], model["model"]) == ("arabic", "succeeded", None)
    folder = refined_run / "adapters/arabic"
    adapter = read_adapter(folder)
    rows = read_rows(refined_run / "training/arabic-culturepark/rows.jsonl")
    assert (adapter.rows, adapter.rows_sha256, adapter.cultures) == (len(rows), rows_sha256(rows), ("arabic",))
    tokenizer = load_tokenizer(str(base), name="tiny")
    lengths = zip(rows, count_tokens(rows, tokenizer), strict=True)
    (size,) = found["report"]["sets"]
    assert (found["report"]["exact_tokens"], size["tokens"]) == (
        True,
        sum(row.weight * length for row, length in lengths),
    )
    assert {"README.md", "curves.png", "adapter_model.safetensors"} <= {path.name for path in folder.iterdir()}
    store = open_store(refined_run, create=False)
    assert load_curve(store, "arabic") == read_curves(folder)
    store.close()
    before = (folder / "adapter_model.safetensors").stat().st_mtime_ns
    assert document(*command)["models"] == found["models"]
    assert (folder / "adapter_model.safetensors").stat().st_mtime_ns == before


@pytest.mark.slow
def test_people_alone_and_reworded_questions_are_arms_with_their_own_cost(
    refined_run: Path, trained_once: tuple[Path, object]
) -> None:
    alone = document("train", refined_run, "--dry-run", "--mode", "direct")
    again = document("train", refined_run, "--dry-run", "--mode", "direct")

    assert alone["report"] == again["report"]
    assert alone["report"]["generation"]["purposes"].keys() >= {"extract", "utterance", "verify"}
    assert (refined_run / "alone/run.db").exists()
    reworded = document("train", refined_run, "--dry-run", "--mode", "augment")
    assert reworded["report"]["generation"]["purposes"].keys() == {"augment"}
    assert (
        document("train", refined_run, "--dry-run", "--mode", "distribution")["report"]["generation"]["requests"] == 0
    )
