"""Batches with shared beginnings are the padded ones, computed once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from culturepark.training.encoding import encode_rows
from culturepark.training.prefixes import IGNORED, pad_rows, prefix_tree, share_prefixes
from tests.training.tiny import make_rows


def test_a_tree_holds_each_beginning_once() -> None:
    rows = [
        ([7, 8, 1, 2, 5], [IGNORED, IGNORED, 1, 2, 5]),
        ([7, 8, 1, 3], [IGNORED, IGNORED, 1, 3]),
        ([7, 9, 5], [IGNORED, 9, 5]),
    ]

    tree = prefix_tree(rows)

    assert tree.tokens.tolist() == [7, 8, 1, 2, 9]
    assert tree.positions.tolist() == [0, 1, 2, 3, 1]
    assert tree.visible.astype(int).tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 0, 0, 0, 1],
    ]
    assert tree.sources.tolist() == [1, 2, 3, 1, 2, 0, 4]
    assert tree.targets.tolist() == [1, 2, 5, 1, 3, 9, 5]
    assert tree.rows.tolist() == [0, 0, 0, 1, 1, 2, 2]


@given(st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=8), min_size=1, max_size=6))
def test_every_row_reads_its_own_tokens_and_no_others(ids: list[list[int]]) -> None:
    tree = prefix_tree([(row, [IGNORED, *row[1:]]) for row in ids])

    for row, tokens in enumerate(ids):
        learned = [place for place, of in enumerate(tree.rows) if of == row]
        assert [tree.targets[place] for place in learned] == tokens[1:]
        for length, place in enumerate(learned, start=1):
            seen = np.flatnonzero(tree.visible[tree.sources[place]])
            assert [tree.tokens[node] for node in seen] == tokens[:length]
            assert [tree.positions[node] for node in seen] == list(range(length))


@pytest.fixture(scope="module")
def examples(base: Path) -> list[dict[str, Any]]:
    rows = make_rows(12, weights=(1, 3, 2))
    return [row.model_dump() for row in encode_rows(rows, AutoTokenizer.from_pretrained(base))]


@pytest.mark.parametrize("collate", [pad_rows, share_prefixes])
def test_losses_and_gradients_are_those_of_row_after_row(
    base: Path, examples: list[dict[str, Any]], collate: Any
) -> None:
    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="sdpa")

    def gradients(batches: list[dict[str, torch.Tensor]]) -> tuple[float, torch.Tensor]:
        model.zero_grad()
        total = torch.tensor(0.0)
        for batch in batches:
            inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids") if name in batch}
            logits = model(**inputs, logits_to_keep=batch["keep"], use_cache=False).logits
            losses = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED, reduction="none"
            )
            total = total + (losses * batch["weights"].flatten()).sum()
        total.backward()
        return total.item(), torch.cat([weight.grad.flatten() for weight in model.parameters()])

    alone, alone_gradient = gradients([pad_rows([example]) for example in examples])
    batch = collate(examples)
    together, together_gradient = gradients([batch])

    assert together == pytest.approx(alone, rel=1e-5)
    torch.testing.assert_close(together_gradient, alone_gradient, rtol=1e-3, atol=1e-4)
    assert int(batch["tokens"]) == sum(len(example["input_ids"]) for example in examples)


def test_shared_beginnings_leave_fewer_tokens_than_the_rows_have(examples: list[dict[str, Any]]) -> None:
    shared, padded = share_prefixes(examples), pad_rows(examples)

    assert shared["input_ids"].numel() < int(shared["tokens"]) < padded["input_ids"].numel()
