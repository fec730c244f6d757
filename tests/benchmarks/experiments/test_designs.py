"""Designs: all nine are there, each claim is frozen, and a claim cannot be changed in a folder that holds data."""

import json
from pathlib import Path

import pytest

from culturepark.benchmarks.experiments.catalogue import EXPERIMENTS
from culturepark.benchmarks.experiments.design import load_design, names
from culturepark.benchmarks.experiments.running import REGISTRATION, register
from culturepark.benchmarks.experiments.setup import Options, make_setup
from culturepark.runtime.errors import CultureParkError
from tests.commands import command, document, mistake

NINE = [
    "by_culture", "conflict", "human_data", "low_resource", "refinement", "self_calibration", "small_finetune",
    "tradeoffs", "within_culture",
]  # fmt: skip
FROZEN: dict[str, tuple[int, str]] = {
    "by_culture": (1, "a12d4215436f196e"),
    "conflict": (1, "8489ac249b5c108f"),
    "human_data": (1, "1d2fff387d7b4331"),
    "low_resource": (1, "4908392c1c48f371"),
    "refinement": (1, "4fd334c4ebbb85fa"),
    "self_calibration": (1, "f75c55537576afb2"),
    "small_finetune": (2, "c4b065432d72815d"),
    "tradeoffs": (1, "163419de7b1b0095"),
    "within_culture": (1, "b81a14525a028e82"),
}
"""Version and hash of every claim and its test. A change here needs a new version there."""


def test_list_names_all_nine_with_their_claims() -> None:
    listed = command("experiments", "list").splitlines()[1:]

    assert [line.split("\t")[0] for line in listed] == NINE
    assert [line.split("\t")[2] for line in listed] == [load_design(name).claims for name in NINE]
    assert [one["name"] for one in document("experiments", "list")] == NINE
    assert list(EXPERIMENTS) == NINE == list(names())


@pytest.mark.parametrize("name", NINE)
def test_a_claim_is_changed_with_its_version_only(name: str) -> None:
    design = load_design(name)

    assert FROZEN[name] == (design.version, design.sha256[:16])


@pytest.mark.parametrize("name", NINE)
def test_show_prints_claim_arms_and_test(name: str) -> None:
    shown = command("experiments", "show", name)
    design = load_design(name)

    assert f"claim: {design.claim}" in shown
    assert all(f"{arm}\t" in shown for arm in design.arms)
    assert f"primary test: {design.test.contrast}; two-sided at 0.05" in shown
    for task, one in design.further.items():
        assert f"claim on {task}: {one.claim}" in shown
        assert f"\ntest: {one.test.contrast}; two-sided at 0.05" in shown


def test_sizes_are_no_part_of_the_claim() -> None:
    design = load_design("refinement")
    larger = design.model_copy(update={"sizes": {**design.sizes, "small": design.sizes["full"]}})

    assert larger.sha256 == design.sha256
    assert design.model_copy(update={"claim": "Anything."}).sha256 != design.sha256


def test_a_folder_keeps_its_claim_and_its_settings(tmp_path: Path) -> None:
    design, folder = load_design("refinement"), tmp_path / "run"
    setup = make_setup(design, Options(size="small"), folder)
    register(setup)
    register(setup)
    more = make_setup(design, Options(size="small", talks=500), folder)

    with pytest.raises(CultureParkError) as caught:
        register(more)
    assert str(caught.value) == (
        f"{folder}: begun with talks 144, and now it is 500: data are not added to until a test is passed; name another "
        "--run"
    )

    written = json.loads((folder / REGISTRATION).read_text("utf-8"))
    (folder / REGISTRATION).write_text(json.dumps(written | {"sha256": "0" * 64}), encoding="utf-8")
    with pytest.raises(CultureParkError) as caught:
        register(setup)
    assert str(caught.value) == (
        f"{folder}: begun for refinement version 1 (000000000000), and this is refinement version 1 "
        f"({design.sha256[:12]}): a claim is not changed after its data; name another --run"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(
            ("refinment",),
            "no experiment named 'refinment'; did you mean 'refinement'? Known: by_culture, conflict, human_data, "
            "low_resource, refinement, self_calibration, small_finetune, tradeoffs, within_culture.",
            id="unknown",
        ),
        pytest.param(
            ("refinement", "--small", "--talks", "5"),
            "refinement: 5 talks are too few for the test, which takes 6 pairs; add --talks 6",
            id="too-few-talks",
        ),
        pytest.param(
            ("refinement", "--model", "openai:m", "--judge-model", "openai:m"),
            "refinement: the judge would be the model that talks (openai:m); add --judge-model with another one",
            id="own-judge",
        ),
        pytest.param(
            ("refinement", "--small", "--model", "openai:m"),
            "refinement: the judge would be the model that talks (openai:m); add --judge-model with another one",
            id="no-judge",
        ),
        pytest.param(
            ("refinement", "--small", "--base-url", "http://127.0.0.1:1/v1"),
            "refinement: --base-url is for a server's model, and this size talks with the scripted one; add --model "
            "openai:NAME",
            id="address-of-the-scripted",
        ),
        pytest.param(
            ("conflict", "--model", "openai:a,openai:b"),
            "conflict: --model 'openai:a,openai:b' names several, and this experiment is about one; run it once for each",
            id="several-models",
        ),
        pytest.param(
            ("low_resource",),
            "low_resource: counts of GRC are not shipped; add --survey FILE, the World Values Survey wave 7 CSV with these "
            "countries (worldvaluessurvey.org)",
            id="no-survey",
        ),
        pytest.param(
            ("human_data",),
            "human_data: arm 'blend' needs human answers: add --data FOLDER with knowledge/*.jsonl in the BLEnD layout "
            "(docs/bench.md)",
            id="no-human-answers",
        ),
        pytest.param(
            ("small_finetune", "--small", "--base", "tiny"),
            "small_finetune: base 'tiny' cannot be measured by likelihood here; add --base with one of "
            "qwen2.5-coder-1.5b, qwen2.5-coder-0.5b, smollm2-135m",
            id="base",
        ),
        pytest.param(
            ("small_finetune",),
            "small_finetune: the moderation task needs its sets (ar_mpold_offensive, bn_threat, "
            "de_germeval2018_offensive, es_ar_protest_toxicity, ko_kmhas_hate, pt_offcombr3_offensive, "
            "tr_offenseval2020, zh_cold_offensive): add --data FOLDER with moderation/*.jsonl (docs/bench.md)",
            id="no-moderation-sets",
        ),
        pytest.param(
            ("small_finetune", "--culture", "korean", "--data", "."),
            "small_finetune: moderation set ko_kmhas_hate: moderation/ko_kmhas_hate.jsonl: there is no such file; put it "
            "there, or name another --data",
            id="a-moderation-set-is-missing",
        ),
        pytest.param(
            ("small_finetune", "--small", "--texts", "5"),
            "small_finetune: 5 texts are too few for the test, which takes 6 pairs; add --texts 6",
            id="too-few-texts",
        ),
        pytest.param(
            ("small_finetune", "--small", "--seeds", "0,one"),
            "--seeds: 'one' is not a whole number from 0; write for instance 0,1,2",
            id="seeds",
        ),
        pytest.param(
            ("refinement", "--small", "--culture", "arabc"),
            "no culture named 'arabc'; did you mean 'arabic'? Known: arabic, bengali, chinese, english, german, korean, "
            "portuguese, spanish, turkish.",
            id="culture",
        ),
        pytest.param(
            ("conflict", "--small", "--culture", "korean,english"),
            "conflict: culture 'english' is the main contact's own, so its talks would meet nobody of another; choose among "
            "arabic, bengali, chinese, german, korean, portuguese, spanish, turkish",
            id="the-main-contacts-culture",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_nothing_is_begun(
    options: tuple[str, ...], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert mistake("experiments", "run", *options) == expected
    assert not (tmp_path / "runs" / "experiments" / options[0] / REGISTRATION).exists()
