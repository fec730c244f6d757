"""Exported files, byte by byte, and what a folder may replace."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from culturepark.postprocess.card import AboutRun, card_text
from culturepark.postprocess.columns import COLUMNS, row_facts, sample_row
from culturepark.postprocess.export import export_samples
from culturepark.postprocess.formats import FORMATS
from culturepark.postprocess.sample import Sample
from culturepark.postprocess.spreadsheet import read_csv
from culturepark.runtime.errors import CultureParkError
from tests.commands import command, document, mistake
from tests.postprocess.conftest import Refined

GOLDEN = Path(__file__).parent / "golden"


def sample(number: int, text: str, *, question: str = "wvs7:Q27", stance: bool = True, **more: Any) -> Sample:
    held = {
        "question": question, "code": 1, "words": "is certain that religion is always right", "side": "below",
        "share": 0.25, "n": 1200, "weighted": False, "country": "JOR", "chosen": "sampled",
    }  # fmt: skip
    return Sample.model_validate(
        {
            "id": f"s_{number}", "text": text, "culture": "arabic", "country": "JOR", "question": question, "talk": "t_1",
            "turn": number, "quote": text, "stance": held if stance else None, "opinions": [f"o_{number}", "o_9"],
            "mass": 2, "messages": [
                {"role": "system", "content": "You answer as people in Jordan do."},
                {"role": "user", "content": "What do you think?"},
                {"role": "assistant", "content": text},
            ], **more,
        }
    )  # fmt: skip


SAMPLES = [
    sample(1, "=HYPERLINK(A1), my son said: “read it”.\u2028Twice."),
    sample(2, "يأتي الوالدان أولاً", question="wvs7:Q170", language="ar"),
    sample(3, "Nobody asked me.", question="wvs7:Q36", stance=False),
]
FACTS = row_facts(["wvs7:Q27", "wvs7:Q36", "wvs7:Q170"], "wvs7")
ABOUT = AboutRun(
    name="small",
    models=("openai:stub",),
    protocols=("free-chat", "self-guidance"),
    refine={"keep": "entail", "dedupe": {"method": "threshold"}, "embedder": "all-minilm-l6-v2"},
    funnel=(("talks", 4), ("  dropped: contradict", 2), ("samples", 3)),
    judge="Judge: `openai:stub`; against people: unvalidated.",
)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("openai", "openai.jsonl"),
        ("openai", "openai.meta.jsonl"),
        ("sharegpt", "sharegpt.jsonl"),
        ("csv", "samples.csv"),
    ],
)
def test_files_are_as_they_were(form: str, name: str, tmp_path: Path) -> None:
    out = tmp_path / name.replace(".meta", "")

    export_samples(SAMPLES, out, form=form, facts=FACTS)

    assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()


def test_the_card_is_as_it_was() -> None:
    from importlib.metadata import version

    card = card_text(SAMPLES, FACTS, ABOUT, folder="jordan")

    assert card.replace(version("culturepark"), "VERSION") == (GOLDEN / "card.md").read_text("utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}
    ]
    for word in ("synthetic", "testimony", "target", "astroturfing", "non-profit use with citation"):
        assert word in card


def test_the_notice_forbids_what_rows_are_not_for(tmp_path: Path) -> None:
    export_samples(SAMPLES, tmp_path / "out", form="hf", facts=FACTS, card="# Card")

    notice = (tmp_path / "out/SAMPLES-USE.md").read_text("utf-8")
    for word in ("testimony", "target, profile", "astroturfing", "licence"):
        assert word in notice


@pytest.mark.parametrize("form", [name for name, one in FORMATS.items() if not one.folder])
def test_the_same_samples_are_the_same_bytes(form: str, tmp_path: Path) -> None:
    for name in ("one", "other"):
        export_samples(SAMPLES, tmp_path / name / "rows.x", form=form, facts=FACTS)

    files = {name: sorted((tmp_path / name).iterdir()) for name in ("one", "other")}
    assert [file.read_bytes() for file in files["one"]] == [file.read_bytes() for file in files["other"]]
    assert len(files["one"]) == (2 if form == "openai" else 1)


def test_chat_rows_hold_messages_only_and_the_sidecar_the_rest_line_by_line(tmp_path: Path) -> None:
    export_samples(SAMPLES, tmp_path / "rows.jsonl", form="openai", facts=FACTS)

    rows, meta = (
        [json.loads(line) for line in (tmp_path / name).read_text("utf-8").splitlines()]
        for name in ("rows.jsonl", "rows.meta.jsonl")
    )
    assert [set(row) for row in rows] == [{"messages"}] * 3
    assert (
        [row["messages"][2]["content"] for row in rows]
        == [row["text"] for row in meta]
        == [one.text for one in SAMPLES]
    )
    assert [(row["synthetic"], row["sensitivity"], row["survey_share"]) for row in meta] == [
        (True, "none", 0.25), (True, "religion", 0.25), (True, "sexuality", None),
    ]  # fmt: skip


def test_parquet_has_every_column_with_its_type(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    export_samples(SAMPLES[2:], tmp_path / "rows.parquet", form="parquet", facts=FACTS)
    table = pq.read_table(tmp_path / "rows.parquet")

    assert table.to_pylist() == [sample_row(SAMPLES[2], FACTS["wvs7:Q36"])]
    assert table.schema.names == [column.name for column in COLUMNS]
    # A column in which nothing stands has a type all the same.
    assert str(table.schema.field("survey_share").type) == "double"
    assert str(table.schema.field("stance_words").type) == "string"


def test_csv_comes_back_as_it_was(tmp_path: Path) -> None:
    export_samples(SAMPLES, tmp_path / "rows.csv", form="csv", facts=FACTS)

    rows = read_csv(tmp_path / "rows.csv", ["id", "text", "synthetic", "licence", "system", "user"])
    assert [row["text"] for row in rows] == [one.text for one in SAMPLES]
    assert {row["synthetic"] for row in rows} == {"true"}


@pytest.mark.slow
def test_hugging_face_loads_the_folder_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr("culturepark.postprocess.formats.SHARD_ROWS", 2)
    from datasets import load_dataset

    export_samples(
        SAMPLES, tmp_path / "out", form="hf", facts=FACTS, card=card_text(SAMPLES, FACTS, ABOUT, folder="out")
    )
    found = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))

    assert [row["text"] for row in found] == [one.text for one in SAMPLES]
    assert found[1]["messages"][0] == {"role": "system", "content": "You answer as people in Jordan do."}
    assert found["synthetic"][:] == [True, True, True]
    assert sorted(path.name for path in (tmp_path / "out/data").iterdir()) == [
        "train-00000-of-00002.parquet", "train-00001-of-00002.parquet",
    ]  # fmt: skip


def test_a_folder_is_replaced_only_when_told_and_only_when_it_is_an_export(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_samples(SAMPLES, out, form="hf", facts=FACTS, card="first")

    with pytest.raises(CultureParkError) as caught:
        export_samples(SAMPLES, out, form="hf", facts=FACTS, card="second")
    assert str(caught.value) == f"{out}: holds an earlier export; replace it with --force, or choose another --out"
    assert (out / "README.md").read_text("utf-8") == "first"

    export_samples(SAMPLES[:1], out, form="hf", facts=FACTS, card="second", force=True)
    assert (out / "README.md").read_text("utf-8") == "second"

    (out / "thesis.tex").write_text("x", encoding="utf-8")
    with pytest.raises(CultureParkError) as caught:
        export_samples(SAMPLES, out, form="hf", facts=FACTS, card="third", force=True)
    assert str(caught.value) == f"{out}: holds other files (thesis.tex), which stay; choose another --out"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize(
    ("form", "out", "message"),
    [
        ("xml", "x", "no export format named 'xml'. Known: csv, hf, openai, parquet, sharegpt."),
        ("csv", "folder", "FOLDER/folder: is a folder, and format 'csv' is one file; name a file"),
        ("hf", "file", "FOLDER/file: is a file, and this format is a folder; name a folder"),
        ("csv", "file/x.csv", "FOLDER/file/x.csv: cannot be written (File exists); choose another --out"),
    ],
)
def test_places_that_do_not_fit_are_named(form: str, out: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine", encoding="utf-8")

    with pytest.raises(CultureParkError) as caught:
        export_samples(SAMPLES, tmp_path / out, form=form, facts=FACTS)

    assert str(caught.value).replace(str(tmp_path), "FOLDER") == message
    assert (tmp_path / "file").read_text("utf-8") == "mine"


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "rows.csv").write_text("before", encoding="utf-8")
    monkeypatch.setattr("culturepark.postprocess.formats.write_csv", full)

    with pytest.raises(CultureParkError, match="No space left on device"):
        export_samples(SAMPLES, tmp_path / "rows.csv", form="csv", facts=FACTS)

    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    assert (tmp_path / "rows.csv").read_text("utf-8") == "before"


def test_nothing_to_export_is_said(tmp_path: Path) -> None:
    with pytest.raises(CultureParkError) as caught:
        export_samples([], tmp_path / "x", form="csv")

    assert str(caught.value) == "there are no samples to export; run `culturepark refine` first, or widen the selection"


@pytest.mark.slow
def test_a_run_is_exported_with_its_card(refined: Refined, tmp_path: Path) -> None:
    told = document("samples", "export", "--run", refined.run, "--format", "hf", "--out", tmp_path / "hf")

    samples = refined.samples()
    assert told == {"out": str(tmp_path / "hf"), "format": "hf", "samples": len(samples)}
    card = (tmp_path / "hf/README.md").read_text("utf-8")
    assert "Judge: `openai:stub`; against people: unvalidated." in card
    assert "- Talks by `imported` and `openai:stub` under imported and self-guidance." in card
    assert f"| samples | {len(samples)} |" in card
    command("samples", "export", "--run", refined.run, "--out", tmp_path / "rows.jsonl", "--culture", "korean")
    assert len((tmp_path / "rows.meta.jsonl").read_text("utf-8").splitlines()) == sum(
        one.culture == "korean" for one in samples
    )
    line = mistake("samples", "export", "--run", refined.run, "--out", tmp_path / "x", "--culture", "german")
    assert line == "there are no samples to export; run `culturepark refine` first, or widen the selection"
