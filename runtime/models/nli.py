"""A cross-encoder that reads two texts at once and says whether the one entails the other; runs in this process.

It answers the same requests as a chat model, so its verdicts are committed to the ledger and never computed twice.
"""

import asyncio
import hashlib
import json
import math
import warnings
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from culturepark.runtime.engines.local import aside
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.request import Reply, Request

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

NLI_LABELS: Final = ("entailment", "contradiction", "neutral")
"""The labels of a request to such a model, in whatever order its own config has them."""
WEIGHTS: Final = "model.safetensors"


class _Loaded(NamedTuple):
    encoder: "CrossEncoder"
    columns: dict[str, int]
    """Column of each label in the model's output."""


class NliModel:
    """Asked with two user messages, premise and hypothesis, and the labels `NLI_LABELS`."""

    def __init__(self, name: str, *, identity: str) -> None:
        """`name` is a folder with safetensors, or a hub id.

        Raises:
            CultureParkError: When it cannot be loaded, or its labels are not those of natural language inference.
        """
        self.identity = identity
        self._name = name
        self._loaded = _load(name)
        self._one_at_a_time = asyncio.Lock()

    def __reduce__(self) -> "tuple[partial[NliModel], tuple[()]]":
        """Travel without the weights; they are read again where it arrives."""
        return partial(NliModel, self._name, identity=self.identity), ()

    async def ask(self, request: Request) -> Reply:
        """Judge one pair."""
        assert request.labels == NLI_LABELS, request.labels
        premise, hypothesis = (message.content for message in request.messages)
        async with self._one_at_a_time:
            return await aside(partial(self._judge, premise, hypothesis))

    async def close(self) -> None:
        """Nothing to let go of."""

    def _judge(self, premise: str, hypothesis: str) -> Reply:
        from torch.nn import LogSoftmax  # noqa: PLC0415  (slow to import)

        encoder, columns = self._loaded
        scores = encoder.predict([(premise, hypothesis)], activation_fn=LogSoftmax(dim=-1), show_progress_bar=False)[0]
        logprobs = {label: float(scores[column]) for label, column in columns.items()}
        assert math.isclose(sum(map(math.exp, logprobs.values())), 1, abs_tol=1e-4), logprobs
        return Reply(
            text=max(NLI_LABELS, key=logprobs.__getitem__),
            finish_reason="stop",
            tokens_in=len(encoder.tokenizer(premise, hypothesis, truncation=True)["input_ids"]),
            tokens_out=1,
            model=self._name,
            label_logprobs=logprobs,
        )


def nli_identity(name: str) -> str:
    """Name a model by its folder and the hash of its weights and label order, or by its hub id.

    Raises:
        CultureParkError: For a path that is no folder with safetensors.
    """
    folder = Path(name)
    if not name or not folder.is_dir():
        if name.count("/") == 1 and not name.startswith((".", "/", "~")):
            return f"nli:{name}"
        raise CultureParkError(
            f"model 'nli:{name}': there is no folder {name!r}; give a folder or a hub id (owner/name)"
        )
    return f"nli:{folder.resolve().name}@{_folder_sha256(str(folder))[:12]}"


@lru_cache(maxsize=4)
def _folder_sha256(folder: str) -> str:
    digest = hashlib.sha256()
    for part in ("config.json", WEIGHTS):
        path = Path(folder) / part
        if not path.is_file():
            raise CultureParkError(f"model 'nli:{folder}': there is no {part} in the folder; save it as safetensors")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@lru_cache(maxsize=2)
def _load(name: str) -> _Loaded:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # raised by packages below sentence-transformers
        from safetensors import SafetensorError  # noqa: PLC0415
        from sentence_transformers import CrossEncoder  # noqa: PLC0415  (11 s: only when such a judge is used)
        from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()  # a bar a file, into the middle of ours
    try:
        encoder = CrossEncoder(
            name, device="cpu", trust_remote_code=False, model_kwargs={"use_safetensors": True}, max_length=512
        )
    except (OSError, ValueError, json.JSONDecodeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise CultureParkError(f"judge 'nli:{name}' cannot be loaded ({reason}); give a folder or a hub id") from None
    labels = {str(label).casefold(): int(column) for column, label in encoder.config.id2label.items()}
    if set(labels) != set(NLI_LABELS):
        raise CultureParkError(
            f"judge 'nli:{name}': its config names the labels {', '.join(sorted(labels))}, not "
            f"{', '.join(sorted(NLI_LABELS))}; write them into id2label of its config.json, each beside its own number"
        )
    return _Loaded(encoder, labels)
