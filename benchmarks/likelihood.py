"""Log-likelihood of answer options under a model in this process: batched, what prompts have in common computed once.

The batch is a prefix tree (`culturepark.training.prefixes`): questions of one suite begin alike, and the options of a
question share all of it. Only the places that predict an option's token reach the vocabulary.
"""

import asyncio
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.spec import ModelSpec
from culturepark.runtime.request import Message, Reply, Request

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_TOKENS: Final = 512
"""Tokens of a batch. Attention grows with its square, repeated beginnings with its reciprocal."""
GATHER_SECONDS: Final = 0.02
"""How long questions are gathered before the first batch of a burst."""

Tokens = tuple[int, ...]


class Options(NamedTuple):
    """A prompt and the continuations that are weighed against each other, as token ids."""

    prompt: Tokens
    options: tuple[Tokens, ...]


def option_logprobs(
    model: "PreTrainedModel", questions: Sequence[Options], *, batch_tokens: int = BATCH_TOKENS
) -> list[list[float]]:
    """Natural log of the probability of each option after its prompt: the sum over the option's tokens.

    Args:
        model: A causal model; its own precision is used (float32 on a CPU).
        questions: Any number, in any order.
        batch_tokens: Distinct tokens of a batch, about; a longer question is a batch of its own.

    Returns:
        One list a question, one number an option.
    """
    scores: list[list[float]] = [[] for _ in questions]
    for batch in _batches(questions, batch_tokens):
        for place, found in zip(batch, _score(model, [questions[place] for place in batch]), strict=True):
            scores[place] = found
    return scores


def apart(options: Sequence[Tokens], logprobs: Sequence[float]) -> list[float]:
    """Take from an option that begins another (`1` of `10`) the probability of the longer one.

    As continuations `1` happens whenever `10` does; as answers they exclude each other.
    """
    found: list[float] = []
    for option, logprob in zip(options, logprobs, strict=True):
        longer = {
            other: value
            for other, value in zip(options, logprobs, strict=True)
            if len(other) > len(option) and other[: len(option)] == option
        }
        # Of longer options that begin each other, the shortest holds the rest.
        outer = [one for one in longer if not any(one != two and one[: len(two)] == two for two in longer)]
        taken = sum(math.exp(longer[one] - logprob) for one in outer)
        found.append(logprob + math.log1p(-min(taken, 1 - 1e-12)))
    return found


class LikelihoodModel:
    """Answers requests with labels: the likeliest one, with the log-probability of each whole label."""

    def __init__(self, spec: ModelSpec) -> None:
        """Load a built-in model, with its adapter, as an ordinary transformers model.

        Raises:
            CultureParkError: For a model that is not at hand as safetensors.
        """
        refuse_endpoint(spec)
        self.identity = float_identity(spec)
        self._model, self._tokenizer = load_local(spec.name, spec.adapter)
        self._gathering: list[Request] = []
        """What the next batch weighs."""
        self._batch: asyncio.Task[list[Reply]] | None = None
        """The batch that may still be joined."""
        self._open: set[asyncio.Task[list[Reply]]] = set()
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, request: Request) -> Reply:
        """Weigh the labels of one request, in a batch with all that wait."""
        assert request.labels, "scored by likelihood, so there must be labels"
        if self._batch is None:
            self._batch = asyncio.create_task(self._work())
            self._open.add(self._batch)
            self._batch.add_done_callback(self._open.discard)
        place = len(self._gathering)
        self._gathering.append(request)
        # Shielded, so that one question's cancellation does not take the replies from the others.
        return (await asyncio.shield(self._batch))[place]

    async def close(self) -> None:
        """Stop what is under way."""
        for task in self._open:
            task.cancel()

    async def _work(self) -> list[Reply]:
        await asyncio.sleep(GATHER_SECONDS)
        async with self._one_at_a_time:  # whatever is asked while the batch before is weighed joins this one
            requests, self._gathering, self._batch = self._gathering, [], None
            return await asyncio.to_thread(self._answer, requests)

    def _answer(self, requests: Sequence[Request]) -> list[Reply]:
        questions = [encode(self._tokenizer, request.messages, request.labels) for request in requests]
        replies: list[Reply] = []
        for request, question, raw in zip(requests, questions, option_logprobs(self._model, questions), strict=True):
            logprobs = dict(zip(request.labels, apart(question.options, raw), strict=True))
            replies.append(
                Reply(
                    text=max(request.labels, key=logprobs.__getitem__),
                    finish_reason="stop",
                    tokens_in=len(question.prompt),
                    tokens_out=0,
                    model=self.identity,
                    label_logprobs=logprobs,
                )
            )
        return replies


def float_identity(spec: ModelSpec) -> str:
    """Name a model in floats; the quantised file that is served is another model, which differs in the third digit."""
    return f"float32:{spec.identity.removeprefix('builtin:')}"


def refuse_endpoint(spec: ModelSpec) -> None:
    """Let only models through whose weights are here.

    Raises:
        CultureParkError: For any other.
    """
    if spec.kind != "builtin":
        raise CultureParkError(
            f"--scoring likelihood needs a model whose weights are here (builtin:NAME[+ADAPTER]), not "
            f"{spec.kind}:{spec.name}; leave --scoring out: an endpoint's own log-probabilities are used anyway"
        )


def load_local(name: str, adapter: Path | None) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Load a base (built-in name, hub id or folder) in float32, with the adapter's weights added to its own.

    Raises:
        CultureParkError: When the packages of the extra `train` are missing, or the base cannot be loaded.
    """
    from culturepark.training.weights import find_base  # noqa: PLC0415  (torch is slow to import)

    try:
        import peft  # noqa: PLC0415
    except ImportError:
        raise CultureParkError("--scoring likelihood needs `pip install culturepark[train]`") from None
    from culturepark.training.encoding import load_tokenizer  # noqa: PLC0415
    from culturepark.training.local import Hardware, load_base  # noqa: PLC0415
    from culturepark.training.quiet import quiet_frameworks  # noqa: PLC0415

    base = find_base(name)
    with quiet_frameworks():
        model: Any = load_base(base, Hardware(device="cpu", precision="float32", quantization="none"))
        if adapter is not None:
            model = peft.PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
        return model.eval(), load_tokenizer(str(base.folder), name=base.name)


def encode(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], options: Sequence[str]) -> Options:
    """Tokenize a question with the model's chat template, and each option as the beginning of the answer."""
    from culturepark.training.encoding import prompt_tokens  # noqa: PLC0415  (torch is slow to import)

    ids = [tuple(tokenizer.encode(option, add_special_tokens=False)) for option in options]
    return Options(tuple(prompt_tokens(messages, tokenizer)), tuple(ids))


def _batches(questions: Sequence[Options], most: int) -> Iterator[list[int]]:
    """Places of questions, those that begin alike together, up to so many distinct tokens."""
    batch: list[int] = []
    size = 0
    before: Tokens = ()
    for place in sorted(range(len(questions)), key=lambda one: questions[one].prompt):
        question = questions[place]
        answers = sum(len(option) - 1 for option in question.options)  # nothing is read after an option's last token
        new = len(question.prompt) - _common(before, question.prompt) + answers
        if batch and size + new > most:
            yield batch
            batch, size, new = [], 0, len(question.prompt) + answers
        batch.append(place)
        size += new
        before = question.prompt
    if batch:
        yield batch


def _common(one: Tokens, other: Tokens) -> int:
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


def _score(model: "PreTrainedModel", questions: Sequence[Options]) -> list[list[float]]:
    import torch  # noqa: PLC0415  (slow to import)

    from culturepark.training.prefixes import IGNORED, prefix_tree  # noqa: PLC0415

    rows = [
        ((*question.prompt, *option), (*[IGNORED] * len(question.prompt), *option))
        for question in questions
        for option in question.options
    ]
    tree = prefix_tree(rows)
    # Options that part at the same token are predicted from the same place, which reaches the vocabulary once.
    places, of = torch.unique(torch.from_numpy(tree.sources), return_inverse=True)
    with torch.inference_mode():
        logits = model(
            input_ids=torch.from_numpy(tree.tokens)[None],
            position_ids=torch.from_numpy(tree.positions)[None],
            attention_mask=torch.from_numpy(tree.visible)[None, None],
            logits_to_keep=places,
            use_cache=False,
        ).logits[0]
        each = logits.log_softmax(dim=-1)[of, torch.from_numpy(tree.targets)]
    whole = torch.zeros(len(rows)).index_add_(0, torch.from_numpy(tree.rows), each).tolist()
    left = iter(whole)
    return [[next(left) for _ in question.options] for question in questions]
