"""Batches: padded ones, and ones in which what several rows have in common is computed once.

Rows of one question begin alike: the template's opening, the persona, the question and its scale. A shared batch is
one sequence that holds each distinct beginning once (a prefix tree); an attention mask lets a token see its own row's
tokens alone, at their own positions. Loss and gradients are those of the padded batch, with no padding and no repeats.
In both kinds only the places that predict an answer's token reach the vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

IGNORED = -100
"""Label of a token that is no part of the answer (PyTorch's convention)."""

Collate = Callable[[Sequence[Mapping[str, Any]]], dict[str, torch.Tensor]]
"""From encoded rows to the tensors that `AnswerTrainer` reads: the model's own inputs, and

- `keep`, shape `(k,)`: places whose hidden state goes through the vocabulary;
- `labels`, shape `(b, k)`: the token to be predicted there, or `IGNORED`;
- `weights`, shape `(b, k)`: how much each counts;
- `tokens`, a number: tokens of the rows themselves, without padding.
"""


class Tree(NamedTuple):
    """A batch as a prefix tree of n tokens, with m predictions to learn."""

    tokens: NDArray[np.int64]
    """Shape `(n,)`: token ids, parents before children."""
    positions: NDArray[np.int64]
    """Shape `(n,)`: distance from the row's beginning."""
    visible: NDArray[np.bool_]
    """Shape `(n, n)`: whether the row's token may look at the column's: its own ancestors and itself."""
    sources: NDArray[np.int64]
    """Shape `(m,)`: index of the token whose hidden state predicts; the same one for rows that part there."""
    targets: NDArray[np.int64]
    """Shape `(m,)`: token id to be predicted."""
    rows: NDArray[np.int64]
    """Shape `(m,)`: index of the row in the batch that the prediction belongs to."""


def prefix_tree(rows: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Tree:
    """Merge the beginnings that token sequences have in common; a row's last token is predicted, never read.

    Args:
        rows: Token ids and labels of each row, of equal length; a label is the token itself or `IGNORED`.
    """
    node_of: dict[tuple[int, int], int] = {}
    tokens: list[int] = []
    parents: list[int] = []
    positions: list[int] = []
    predictions: list[tuple[int, int, int]] = []
    for row, (ids, labels) in enumerate(rows):
        parent = -1
        for position, (token, label) in enumerate(zip(ids, labels, strict=True)):
            if label != IGNORED and parent >= 0:
                predictions.append((parent, label, row))
            if position == len(ids) - 1:
                break  # nothing is predicted from a row's last token
            node = node_of.setdefault((parent, token), len(tokens))
            if node == len(tokens):
                tokens.append(token)
                parents.append(parent)
                positions.append(position)
            parent = node
    visible = np.eye(len(tokens), dtype=np.bool_)
    for node, parent in enumerate(parents):
        if parent >= 0:
            visible[node] |= visible[parent]
    sources, targets, of = np.array(predictions, dtype=np.int64).reshape(-1, 3).T
    return Tree(np.array(tokens), np.array(positions), visible, sources, targets, of)


def share_prefixes(examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Collate into one prefix tree, a batch of one sequence."""
    tree = prefix_tree([(example["input_ids"], example["labels"]) for example in examples])
    weights = torch.tensor([example["weight"] for example in examples], dtype=torch.float32)
    return {
        "input_ids": torch.from_numpy(tree.tokens)[None],
        "position_ids": torch.from_numpy(tree.positions)[None],
        "attention_mask": torch.from_numpy(tree.visible)[None, None],
        "keep": torch.from_numpy(tree.sources),
        **_learned(torch.from_numpy(tree.targets)[None], weights[torch.from_numpy(tree.rows)][None], examples),
    }


def pad_rows(examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Collate into rows padded on the right, shape `(b, longest)`."""
    longest = max(len(example["input_ids"]) for example in examples)
    ids = torch.zeros((len(examples), longest), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        size = len(example["input_ids"])
        ids[row, :size] = torch.tensor(example["input_ids"])
        mask[row, :size] = 1
        labels[row, :size] = torch.tensor(example["labels"])
    following = labels[:, 1:]
    keep = (following != IGNORED).any(dim=0).nonzero().flatten()
    targets = following[:, keep]
    weights = torch.tensor([example["weight"] for example in examples], dtype=torch.float32)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "keep": keep,
        **_learned(targets, weights[:, None].expand(targets.shape).contiguous(), examples),
    }


def _learned(
    labels: torch.Tensor, weights: torch.Tensor, examples: Sequence[Mapping[str, Any]]
) -> dict[str, torch.Tensor]:
    return {
        "labels": labels,
        "shift_labels": labels,  # Trainer counts these as they are, where it would shift `labels` first
        "weights": weights,
        "tokens": torch.tensor(sum(len(example["input_ids"]) for example in examples)),
    }
