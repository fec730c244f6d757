"""Other wordings of the seed questions, by a model: what CultureLLM trains on in place of talks.

Half of them are paraphrases, half swap words for synonyms, as Li et al., "CultureLLM" (arXiv:2402.10946), make them.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final, NamedTuple

from culturepark.postprocess.fence import quoted
from culturepark.runtime.engines.local import run_bounded
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.embedders import Embedder
from culturepark.runtime.progress import Reporter
from culturepark.runtime.request import Message, Request, Sampling
from culturepark.training.prompt import AskedQuestion

PURPOSE: Final = "augment"
DRAWS: Final = 3
"""Tries of one variant."""
SAMPLING: Final = Sampling(temperature=0.8, top_p=0.95, max_tokens=80)
NEAREST: Final = 0.8
"""Similarity to the question, below which a variant asks something else."""
ASKED: Final = (
    "Write this in other words, as a paraphrase: {text}",
    "Swap some words of this for synonyms, and leave the rest as it is: {text}",
)


class Augmented(NamedTuple):
    """What came of it."""

    variants: Mapping[tuple[str, str], tuple[str, ...]]
    """By question and language."""
    rejected: Mapping[str, int]
    """Replies that are no variant, by reason: `repeats` another wording, `another_meaning`, `not_one_line`."""


async def vary_questions(
    ledger: Ledger,
    questions: Sequence[AskedQuestion],
    embedder: Embedder,
    *,
    each: int,
    seed: int,
    concurrency: int,
    progress: Reporter,
) -> Augmented:
    """Ask for `each` other wordings of every question; those that mean something else are asked for again.

    Raises:
        BudgetSpentError: When the budget ended the run; committed replies stay.
        ModelError: When the model gives no reply.
    """
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    rejected: Counter[str] = Counter()
    progress.start("questions", total=len(questions))

    async def vary(asked: AskedQuestion) -> None:
        text = asked.question.text_in(asked.language)
        kept = found[asked.question.id, asked.language]
        for number in range(each):
            for draw in range(DRAWS):
                reply = await ledger.complete(_request(text, number, draw=draw, seed=seed))
                said = reply.reply.text.strip().strip("\"“”'").strip()
                reason = _reason(said, text, kept, embedder)
                if reason is None:
                    kept.append(said)
                    break
                rejected[reason] += 1
        progress.advance()

    await run_bounded(questions, vary, concurrency=concurrency)
    return Augmented({key: tuple(found[key]) for key in sorted(found)}, dict(sorted(rejected.items())))


def _request(text: str, number: int, *, draw: int, seed: int) -> Request:
    instruction = (files(__package__) / "prompts" / "vary_question.md").read_text(encoding="utf-8").strip()
    return Request(
        messages=(
            Message(role="system", content=instruction),
            Message(role="user", content=ASKED[number % len(ASKED)].format(text=quoted(text))),
        ),
        purpose=PURPOSE,
        sampling=SAMPLING,
        draw=draw,
        seed=seed_from(seed, number, draw) & 0x7FFFFFFF,
    )


def _reason(said: str, text: str, kept: Sequence[str], embedder: Embedder) -> str | None:
    """Why a reply is no variant, or None."""
    if not said or "\n" in said:
        return "not_one_line"
    if said.casefold() in {one.casefold() for one in (text, *kept)}:
        return "repeats"
    one, other = embedder.encode([text, said])
    return None if float(one @ other) >= NEAREST else "another_meaning"
