"""A cross-encoder as a judge: two layers trained here on real rows, saved, loaded by folder, asked through the ledger."""

import asyncio
import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from culturepark.postprocess.calibration import calibrated_judge
from culturepark.postprocess.judge import Calibration, Judge, Judgement, judging_model
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Ledger, Tally
from culturepark.runtime.models.opening import open_model
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.store import open_store

pytestmark = pytest.mark.slow
VERDICTS = {"entailment": "entail", "contradiction": "contradict", "neutral": "irrelevant"}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads over small matrices wait for each other far longer than they work when the machine is busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, str]]:
    lines = (shared_data / "nli/en_snli.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [row for label in VERDICTS for row in [one for one in found if one["label"] == label][:6]]


@pytest.fixture(scope="module")
def folder(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers that has learnt its rows by heart; its labels stand in an order of their own."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    torch.manual_seed(0)
    words = sorted({word for row in rows for text in (row["premise"], row["hypothesis"]) for word in text.split()})
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    plain = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    plain.pre_tokenizer = Whitespace()
    plain.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=128,
    )  # fmt: skip
    labels = ["contradiction", "entailment", "neutral"]
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=128, num_labels=3, id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)}, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    batch = tokenizer(
        [row["premise"] for row in rows], [row["hypothesis"] for row in rows], padding=True, return_tensors="pt"
    )
    gold = torch.tensor([labels.index(row["label"]) for row in rows])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = torch.tensor(float("inf"))
    for _ in range(1000):
        optimizer.zero_grad()
        loss = model(**batch, labels=gold).loss
        if loss < 0.02:
            break
        loss.backward()
        optimizer.step()
    assert loss < 0.02, "eighteen rows were not learnt by heart"
    place = tmp_path_factory.mktemp("nli") / "two-layers"
    model.save_pretrained(place, safe_serialization=True)
    tokenizer.save_pretrained(place)
    return place


def judged(
    run: Path, spec: str, pairs: list[tuple[str, str]], *, fitted: bool = False
) -> tuple[list[Judgement], Tally, Calibration]:
    async def main() -> Any:
        store, tally = open_store(run), Tally()
        async with open_model(parse_model(spec)) as opened:
            ledger = Ledger(store, opened.endpoint, tally=tally)
            plain = Judge(judging_model(ledger), Calibration())
            found = [await plain.implies(*pair) for pair in pairs]
            calibration = (await calibrated_judge(ledger, concurrency=4)).calibration if fitted else Calibration()
        store.close()
        return found, tally, calibration

    return asyncio.run(main())


def test_a_trained_cross_encoder_judges_by_folder_and_nothing_twice(
    rows: list[dict[str, str]], folder: Path, tmp_path: Path
) -> None:
    pairs = [(row["premise"], row["hypothesis"]) for row in rows]
    found, tally, calibration = judged(tmp_path, f"nli:{folder}", pairs, fitted=True)
    again, second_tally, same = judged(tmp_path, f"nli:{folder}", pairs, fitted=True)

    assert [one.verdict for one in found] == [VERDICTS[row["label"]] for row in rows]
    for one in found:
        assert one.confidence is not None
        assert sum(one.confidence.values()) == pytest.approx(1)
        assert max(one.confidence, key=lambda verdict: (one.confidence or {})[verdict]) == one.verdict
    assert (again, same) == (found, calibration)
    assert tally.sent > len(pairs)
    assert second_tally.sent == 0
    assert set(calibration.offsets) == {"entailment", "contradiction", "neutral"}


def test_an_identity_follows_the_weights_and_the_label_order(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "two-layers"
    shutil.copytree(folder, copy)
    assert parse_model(f"nli:{copy}").identity == parse_model(f"nli:{folder}").identity

    other = tmp_path / "other" / "two-layers"
    shutil.copytree(folder, other)
    config = json.loads((other / "config.json").read_text("utf-8"))
    config["id2label"] = {"0": "neutral", "1": "entailment", "2": "contradiction"}
    (other / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert parse_model(f"nli:{other}").identity != parse_model(f"nli:{folder}").identity


def relabel(place: Path) -> None:
    config = json.loads((place / "config.json").read_text("utf-8"))
    config["id2label"] = {str(number): f"LABEL_{number}" for number in range(3)}
    config["label2id"] = {f"LABEL_{number}": number for number in range(3)}
    (place / "config.json").write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda place: (place / "model.safetensors").unlink(), "model 'nli:{place}': there is no model.safetensors in the folder; "
         "save it as safetensors"),
        (lambda place: (place / "config.json").unlink(), "model 'nli:{place}': there is no config.json in the folder; save it as "
         "safetensors"),
        (relabel, "judge 'nli:{place}': its config names the labels label_0, label_1, label_2, not contradiction, "
         "entailment, neutral; write them into id2label of its config.json, each beside its own number"),
        (lambda place: (place / "config.json").write_text('{"model_type": "nothing-known"}'), None),
        (lambda place: (place / "model.safetensors").write_bytes(b"garbage"), None),
    ],
    ids=["no-weights", "no-config", "unnamed-labels", "unknown-architecture", "broken-weights"],
)  # fmt: skip
def test_what_cannot_judge_is_one_line(break_it: Any, message: str | None, folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "copy"
    shutil.copytree(folder, place)
    break_it(place)

    with pytest.raises(CultureParkError) as caught, warnings.catch_warnings():
        judged(tmp_path / "run", f"nli:{place}", [("a", "b")])

    line = str(caught.value)
    assert "\n" not in line
    if message is not None:
        assert line == message.format(place=place)
    else:
        assert line.startswith(f"judge 'nli:{place}' cannot be loaded (")


def test_a_name_is_a_folder_or_a_hub_id() -> None:
    assert parse_model("nli:cross-encoder/nli-deberta-v3-base").identity == "nli:cross-encoder/nli-deberta-v3-base"
    for name in ("./nowhere", "nowhere", "/tmp/a/b", ""):
        with pytest.raises(CultureParkError) as caught:
            parse_model(f"nli:{name}")
        assert str(caught.value) == (
            f"model 'nli:{name}': there is no folder {name!r}; give a folder or a hub id (owner/name)"
        )
