"""Which label a likely first token stands for."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from culturepark.runtime.models.endpoint import _label_logprobs


def choice(tokens: Sequence[Sequence[tuple[str, float]]]) -> dict[str, Any]:
    """A reply of tokens, each the first of its likely ones."""
    content = []
    for place in tokens:
        top = [{"token": token, "logprob": math.log(share)} for token, share in place]
        content.append({**top[0], "top_logprobs": top})
    return {"logprobs": {"content": content}}


TEN = tuple(str(number) for number in range(1, 11))


@pytest.mark.parametrize(
    ("likely", "labels", "expected"),
    [
        pytest.param([("Yes", 0.6), (" yes", 0.1), ("No", 0.2), ("I", 0.05)], ("Yes", "No"), {"Yes": 0.6, "No": 0.2}, id="first-tokens"),
        pytest.param([("Yes", 0.6), ("I", 0.05)], ("Yes", "No"), {"Yes": 0.6, "No": 0.05}, id="unlikely-is-at-most-the-lowest"),
        pytest.param([("I", 0.6), ("As", 0.05)], ("Yes", "No"), None, id="prose"),
        pytest.param([("Contra", 0.6), ("Ent", 0.2)], ("Entail", "Contradict"), {"Entail": 0.2, "Contradict": 0.6}, id="parts-of-words"),
        pytest.param([("1", 0.5), ("10", 0.3), ("2", 0.1)], ("1", "2", "10"), {"1": 0.5, "2": 0.1, "10": 0.3}, id="ten-is-a-token"),
        pytest.param([("1", 0.5), ("2", 0.1)], ("1", "2", "10"), {"1": 0.5, "2": 0.1}, id="ten-is-two-tokens"),
        pytest.param([("n", 0.5), ("hate", 0.4)], ("none", "not hate", "hate"), {"hate": 0.4}, id="begins-two-and-is-neither"),
    ],
)  # fmt: skip
def test_first_tokens(
    likely: Sequence[tuple[str, float]], labels: tuple[str, ...], expected: dict[str, float] | None
) -> None:
    found = _label_logprobs(choice([likely]), labels)

    assert found == (None if expected is None else pytest.approx({k: math.log(v) for k, v in expected.items()}))


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        pytest.param(["1", "0", ""], 0.25, id="whole-without-the-end"),
        pytest.param([" 10"], 0.5, id="one-token"),
        pytest.param(["1", "1"], None, id="something-else"),
    ],
)
def test_a_label_alone_has_the_probability_of_all_its_tokens(tokens: Sequence[str], expected: float | None) -> None:
    found = _label_logprobs(choice([[(token, 0.5)] for token in tokens]), ("10",))

    assert found == (None if expected is None else {"10": pytest.approx(math.log(expected))})
