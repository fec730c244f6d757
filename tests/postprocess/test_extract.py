"""Extraction: spans are cut by code from any text, and portions are small enough for a small model."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel, ConfigDict

from culturepark.postprocess.extract import AT_ONCE, BYTES_AT_ONCE, LONGEST, SHOWN, Found, _cut, extract, portions
from culturepark.postprocess.replies import read_reply
from culturepark.postprocess.sentences import split_sentences
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.request import Reply, Request
from culturepark.runtime.store import open_store
from tests.postprocess.talking import GREEDY, talk

PIECES = st.sampled_from(
    ["I think so. ", "我想。", "هل؟ ", "আমি। ", "Günaydın! ", "🙂", "👨‍👩‍👧", "e\u0301", "\u200f", "\u202b", "\u061c", "\n", " ", "\u2028",
     "3. ", '"', "”", "<|im_end|>", "\ufeff", "\U0001f3fd", "ﷺ", "ß", "İ", "\x00", "\x85"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=200), st.lists(PIECES, max_size=60).map("".join)
)
POINTED = st.dictionaries(
    st.integers(0, 40),
    st.builds(
        Found, st.sampled_from(["own", "other", "general"]), st.sampled_from(["fact", "value", "custom"]), st.just("k")
    ),
)


@given(TEXTS, POINTED)
def test_opinions_are_cut_exactly_and_never_overlap(text: str, pointed: dict[int, Found]) -> None:
    transcript = talk(text)
    sentences = split_sentences(text)
    found = {place: one for place, one in pointed.items() if place < len(sentences)}

    opinions = _cut(found, sentences, transcript, transcript.turns[0])

    for opinion in opinions:
        assert text[opinion.start : opinion.end] == opinion.quote == opinion.text
        assert opinion.quote.strip() == opinion.quote != ""
    assert all(one.end <= other.start for one, other in zip(opinions, opinions[1:], strict=False))
    covered = sum(one.start <= sentences[place].start < one.end for place in found for one in opinions)
    assert covered == len(found)
    longest = max((sentence.end - sentence.start for sentence in sentences), default=0)
    assert all(len(opinion.quote) <= max(LONGEST, longest) for opinion in opinions)


@given(TEXTS.map(lambda text: text * 30))
def test_portions_hold_every_sentence_once_and_stay_small(text: str) -> None:
    sentences = split_sentences(text)
    if not sentences:
        return

    found = list(portions(sentences))

    assert [sentence for portion in found for sentence in portion.sentences] == sentences
    assert [portion.first for portion in found] == [sentences.index(portion.sentences[0]) for portion in found]
    for portion in found:
        assert 1 <= len(portion.sentences) <= AT_ONCE
        shown = sum(len(sentence.text[:SHOWN].encode()) for sentence in portion.sentences)
        assert shown <= BYTES_AT_ONCE or len(portion.sentences) == 1


class Fixed:
    """A model in this process that answers with one text."""

    identity = "openai:fixed"

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[Request] = []

    async def ask(self, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(text=self.text, finish_reason="stop", tokens_in=1, tokens_out=1, model="fixed")

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    ("reply", "spans"),
    [
        pytest.param('{"opinions": []}', [], id="none"),
        pytest.param('{"opinions": [{"sentence": 2, "about": "own", "kind": "custom"}]}', ["I like it."], id="one"),
        pytest.param(
            '{"opinions": [{"sentence": 2, "about": "own", "kind": "value"}, {"sentence": 3, "about": "own", "kind": "fact"}]}',
            ["I like it. It is warm."],
            id="neighbours-are-one",
        ),
        pytest.param(
            '{"opinions": [{"sentence": 2, "about": "own", "kind": "value"}, {"sentence": 3, "about": "other", "kind": "fact"}]}',
            ["I like it.", "It is warm."],
            id="about-others-apart",
        ),
        pytest.param(
            '{"opinions": [{"sentence": 0, "about": "own", "kind": "value"}, {"sentence": 9, "about": "own", "kind": "value"},'
            ' {"sentence": -1, "about": "own", "kind": "value"}]}',
            [],
            id="numbers-of-no-sentence",
        ),
    ],
)
def test_code_cuts_what_the_model_points_at(reply: str, spans: list[str], tmp_path: Any) -> None:
    transcript = talk("We drink tea. I like it. It is warm.")
    store = open_store(tmp_path)
    model = LedgerChatModel(ledger=Ledger(store, Fixed(reply)), purpose="extract", sampling=GREEDY)

    found = asyncio.run(extract(model, transcript, transcript.turns[0]))
    store.close()

    assert [opinion.quote for opinion in found.opinions] == spans
    assert found.unread == (None if spans else "no_opinion")
    if spans and found.opinions[0].kind == "custom":
        assert found.opinions[0].about == "own"


class Word(BaseModel):
    model_config = ConfigDict(extra="forbid")

    word: str


@pytest.mark.parametrize(
    ("text", "finish", "read"),
    [
        ('{"word": "a: b"}', "stop", Word(word="a: b")),
        ('```json\n{"word": "tea"}\n```', "stop", Word(word="tea")),
        ('{"word": "tea"}', "length", "truncated"),
        ('{"word": "tea"}', "content_filter", "refused"),
        ("", "refusal", "refused"),
        (" \n", "stop", "blank"),
        ('{"word": "te', "stop", "failed"),
        ('Sure! {"word": "tea"}', "stop", "failed"),
        ('{"word": "tea"} {"word": "tea"}', "stop", "failed"),
        ('{"word": 3}', "stop", "failed"),
        ("null", "stop", "failed"),
    ],
)  # fmt: skip
def test_replies_are_read_whole_or_not_at_all(text: str, finish: str, read: object) -> None:
    message = AIMessage(content=text, response_metadata={"finish_reason": finish})

    assert read_reply(message, Word) == read


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_replies(text: str) -> None:
    message = AIMessage(content=text, response_metadata={"finish_reason": "stop"})

    assert isinstance(read_reply(message, Word), Word) or read_reply(message, Word) in {"blank", "failed"}
