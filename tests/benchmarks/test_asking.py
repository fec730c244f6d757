"""One seam for closed and open questions: a real endpoint on loopback, and real likelihoods of a tiny model."""

import asyncio
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from culturepark.benchmarks.asking import GREEDY, Answer, Asker, Closed, Open, count, option_shares
from culturepark.benchmarks.likelihood import LikelihoodModel, Options, apart, encode, load_local, option_logprobs
from culturepark.benchmarks.task import Counts, Scoring
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.endpoint import Endpoint
from culturepark.runtime.models.opening import open_model
from culturepark.runtime.models.spec import ModelSpec, parse_model
from culturepark.runtime.request import Message, Reply, Request
from culturepark.runtime.store import open_store
from tests.stub_server import Body, Fault, serving
from tests.training.tiny import tiny_base

T = ("A", "B")


def closed(number: int, options: Sequence[str] = T) -> Closed:
    return Closed(
        id=f"q{number}", messages=(Message(role="user", content=f"Question {number}?"),), options=tuple(options)
    )


def ask(
    folder: Path,
    questions: Sequence[Closed] | Sequence[Open],
    *,
    answer: Callable[[Body], str],
    faults: Sequence[Fault] = (),
) -> tuple[list[Answer], int]:
    """Answers, and how many requests were sent."""

    async def run(base_url: str) -> list[Answer]:
        store = open_store(folder)
        endpoint = Endpoint(identity="openai:stub", model="stub", base_url=base_url, dialect="compatible")
        ledger = Ledger(store, endpoint)

        async def opened(_: Scoring) -> Ledger:
            return ledger

        asker = Asker(opened, scoring="generate", model="openai:stub", identity="openai:stub")
        try:
            if isinstance(questions[0], Closed):
                return await asker.choose([one for one in questions if isinstance(one, Closed)])
            return await asker.write([one for one in questions if isinstance(one, Open)])
        finally:
            await endpoint.close()
            store.close()

    with serving(answer=answer, faults=faults) as stub:
        return asyncio.run(run(stub.base_url)), stub.stats.requests


def test_nothing_is_imputed_and_nothing_asked_twice(tmp_path: Path) -> None:
    said = {"Question 0?": "A", "Question 1?": "I'm sorry, I can't.", "Question 2?": "Who knows.", "Question 3?": "B."}

    def answer(body: Body) -> str:
        return said[body["messages"][-1]["content"]]

    answers, sent = ask(tmp_path, [closed(number) for number in range(4)], answer=answer)
    again, sent_again = ask(tmp_path, [closed(number) for number in range(4)], answer=answer)

    assert [(one.kind, one.choice) for one in answers] == [
        ("answered", 0), ("refused", None), ("invalid", None), ("answered", 1),
    ]  # fmt: skip
    assert count(answers) == Counts(answered=2, refused=1, invalid=1)
    assert (sent, sent_again) == (4, 0)
    assert again == answers


def test_a_question_without_a_reply_is_failed_and_the_others_go_on(tmp_path: Path) -> None:
    faults = [Fault("status", status=422, first=1)]
    answers, _ = ask(tmp_path, [closed(0), closed(1)], answer=lambda _: "B", faults=faults)

    assert sorted(one.kind for one in answers) == ["answered", "failed"]


@pytest.mark.parametrize(("text", "kind"), [("Rice.", "answered"), ("", "invalid"), ("I cannot say.", "refused")])
def test_an_open_answer_is_kept_as_it_is(tmp_path: Path, text: str, kind: str) -> None:
    answers, _ = ask(tmp_path, [Open(id="o", messages=closed(0).messages)], answer=lambda _: text)

    assert (answers[0].kind, answers[0].text) == (kind, text)


@pytest.mark.parametrize(
    ("options", "logprobs", "exact", "expected"),
    [
        (("A", "B"), (math.log(0.6), math.log(0.2)), False, (0.8, (0.75, 0.25))),
        (("1", "10"), (math.log(0.5),), False, (0.5, None)),
        (("1", "10"), (math.log(0.25), math.log(0.25)), True, (0.5, (0.5, 0.5))),
        (("A", "B"), (math.log(0.001), math.log(0.001)), False, (0.002, None)),
        (("A", "B"), (math.log(0.001), math.log(0.001)), True, (0.002, (0.5, 0.5))),
        (("A", "B"), None, False, (None, None)),
    ],
    ids=["first-tokens", "not-told-apart", "whole-options", "unlikely", "unlikely-but-held-to", "none"],
)
def test_shares_are_given_only_where_they_mean_something(
    options: tuple[str, ...],
    logprobs: tuple[float, ...] | None,
    exact: bool,
    expected: tuple[float | None, tuple[float, ...] | None],
) -> None:
    labels = None if logprobs is None else dict(zip(options, logprobs, strict=False))
    reply = Reply(text="A", finish_reason="stop", tokens_in=1, tokens_out=1, model="m", label_logprobs=labels)

    mass, shares = option_shares(reply, options, exact=exact)

    assert mass == (None if expected[0] is None else pytest.approx(expected[0]))
    assert shares == (None if expected[1] is None else pytest.approx(expected[1]))


def test_likelihoods_are_those_of_every_sequence_alone(tmp_path: Path) -> None:
    model, tokenizer = load_local(str(tiny_base(tmp_path)), None)
    messages = [(Message(role="user", content=f"Do they agree about {word}?"),) for word in ("work", "law", "a" * 90)]
    questions = [encode(tokenizer, one, ("1", "10", "Yes", "No")) for one in messages]

    batched = option_logprobs(model, questions, batch_tokens=300)

    plain = AutoModelForCausalLM.from_pretrained(tmp_path)
    for question, found in zip(questions, batched, strict=True):
        for option, score in zip(question.options, found, strict=True):
            with torch.inference_mode():
                logits = plain(input_ids=torch.tensor([[*question.prompt, *option]])).logits[0].log_softmax(-1)
            start = len(question.prompt) - 1
            alone = sum(float(logits[start + place, token]) for place, token in enumerate(option))
            assert score == pytest.approx(alone, abs=1e-4)


@pytest.mark.slow
def test_questions_asked_together_get_their_own_replies_and_one_given_up_takes_none_away() -> None:
    model = LikelihoodModel(parse_model("builtin:smollm2-135m"))
    requests = [
        Request(
            messages=(Message(role="user", content=f"Is {word} a fruit?"),), purpose="p", sampling=GREEDY, labels=labels
        )
        for word, labels in (
            ("an apple", ("Yes", "No")),
            ("a stone", ("No", "Yes", "Maybe")),
            ("a pear", ("Yes", "No")),
        )
    ]

    async def together() -> list[Reply]:
        asked = [asyncio.create_task(model.ask(request)) for request in requests]
        await asyncio.sleep(0)
        asked[0].cancel()
        return await asyncio.gather(*asked[1:])

    async def alone() -> list[Reply]:
        return [await model.ask(request) for request in requests[1:]]

    for one, other in zip(asyncio.run(together()), asyncio.run(alone()), strict=True):
        assert one.text == other.text
        assert one.label_logprobs == pytest.approx(other.label_logprobs, abs=1e-4)
    assert requests[1].labels == tuple(asyncio.run(alone())[0].label_logprobs or ())


def test_an_option_that_begins_another_gives_up_what_the_longer_one_has() -> None:
    options = ((1,), (1, 0), (1, 0, 0), (2,))
    logprobs = [math.log(one) for one in (0.5, 0.3, 0.1, 0.2)]

    found = [math.exp(one) for one in apart(options, logprobs)]

    assert found == pytest.approx([0.2, 0.2, 0.1, 0.2])


def test_batches_hold_every_question_once_however_small() -> None:
    from culturepark.benchmarks.likelihood import _batches

    questions = [Options((1, 2, number), ((5,), (6,))) for number in range(7)]

    assert sorted(place for batch in _batches(questions, 1) for place in batch) == list(range(7))
    assert list(_batches(questions, 10_000)) == [list(range(7))]


def test_an_endpoint_cannot_be_scored_by_likelihood() -> None:
    with pytest.raises(CultureParkError) as raised:
        LikelihoodModel(ModelSpec(kind="openai", name="gpt-4o"))

    assert str(raised.value) == (
        "--scoring likelihood needs a model whose weights are here (builtin:NAME[+ADAPTER]), not openai:gpt-4o; "
        "leave --scoring out: an endpoint's own log-probabilities are used anyway"
    )


def test_prompts_that_begin_alike_are_asked_in_a_row_and_answers_keep_their_order(tmp_path: Path) -> None:
    words = [f"Topic {topic}. Wording {wording}." for wording in range(3) for topic in range(4)]
    questions = [Closed(id=text, messages=(Message(role="user", content=text),), options=T) for text in words]

    async def run(base_url: str) -> list[Answer]:
        store = open_store(tmp_path)
        endpoint = Endpoint(identity="openai:stub", model="stub", base_url=base_url, dialect="compatible")

        async def opened(_: Scoring) -> Ledger:
            return Ledger(store, endpoint)

        asker = Asker(opened, scoring="generate", model="openai:stub", identity="openai:stub", concurrency=1)
        try:
            return await asker.choose(questions)
        finally:
            await endpoint.close()
            store.close()

    with serving(answer=lambda body: "A" if "Topic 1" in body["messages"][0]["content"] else "B") as stub:
        answers = asyncio.run(run(stub.base_url))
        asked = [body["messages"][0]["content"] for body in stub.bodies]

    assert asked == sorted(words)
    assert [answer.choice for answer in answers] == [0 if "Topic 1" in text else 1 for text in words]


@pytest.mark.slow
def test_our_own_server_gives_the_shares_that_likelihood_gives(tmp_path: Path) -> None:
    """Ten options, of which the last begins as the first: its second token is asked for."""
    options = tuple(str(number) for number in range(1, 11))
    text = "How good is tea, from 1 (bad) to 10 (good)? Answer with a number."
    question = Closed(id="q", messages=(Message(role="user", content=text),), options=options)
    name = "builtin:smollm2-135m"

    async def served() -> tuple[Answer, int]:
        store = open_store(tmp_path)
        async with open_model(parse_model(name)) as model:
            ledger = Ledger(store, model.endpoint)

            async def opened(_: Scoring) -> Ledger:
                return ledger

            asker = Asker(opened, scoring="generate", model=name, identity=name, held=True)
            (answer,) = await asker.choose([question])
        store.close()
        return answer, ledger.tally.sent

    answer, sent = asyncio.run(served())
    request = Request(messages=question.messages, purpose="p", sampling=GREEDY, labels=options)
    reply = asyncio.run(LikelihoodModel(parse_model(name)).ask(request))
    _, exact = option_shares(reply, options, exact=True)

    assert sent == 2
    assert answer.shares is not None
    assert exact is not None
    assert sum(answer.shares) == pytest.approx(1)
    # The served weights are quantised, those of the likelihood are the same ones in float32.
    assert answer.shares == pytest.approx(exact, abs=0.05)
    assert answer.shares[9] > 0
