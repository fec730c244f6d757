"""From talks to distinct, verified samples: extract, screen, verify, dedupe."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from culturepark.personas.language import ENGLISH, primary
from culturepark.personas.question import Question
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.distinct import DedupeSettings, distinct
from culturepark.postprocess.extract import extract
from culturepark.postprocess.funnel import Funnel, count_funnel
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample, make_sample
from culturepark.postprocess.screen import screen
from culturepark.postprocess.tables import replace_refined
from culturepark.postprocess.verify import (
    JUDGE_SAMPLING,
    Offsets,
    fit_offsets,
    judge_opinion,
    shipped_offsets,
    survey_pairs,
)
from culturepark.protocols.turn import Turn
from culturepark.runtime.console import note
from culturepark.runtime.engine import run_bounded
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, MULTILINGUAL, Embedder
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.progress import Reporter
from culturepark.runtime.record import Record
from culturepark.runtime.request import Sampling
from culturepark.runtime.store import Store
from culturepark.simulation.transcript import Transcript


class RefineSettings(Record):
    """What is read, who judges, and what is kept."""

    judge: str | None = None
    """A model as after `--model`; None is the model that talked."""
    embedder: str = DEFAULT_EMBEDDER
    extract: Literal["delegates", "all"] = "delegates"
    keep: Literal["entail", "entail+novel"] = "entail"
    """`entail+novel` also keeps opinions that neither follow from the speaker's stance nor exclude it."""
    dedupe: DedupeSettings = DedupeSettings()
    reading: Sampling = Sampling(temperature=0, top_p=1, max_tokens=200)
    """How the extracting model is sampled."""


class Read(NamedTuple):
    """What was found in one utterance."""

    opinions: tuple[Opinion, ...]
    unread: str | None
    """Why nothing was found, or None."""


async def refine(
    store: Store,
    ledger: Ledger,
    transcripts: Sequence[Transcript],
    embedder: Embedder,
    settings: RefineSettings,
    *,
    concurrency: int,
    progress: Reporter,
) -> Funnel:
    """Refine complete talks and put the result in the store, in place of the one before.

    A second run over the same talks sends no request: every reply is in the ledger.

    Raises:
        BudgetSpentError: When the budget ended the run; committed replies stay.
        ModelError: When the judge gives no reply.
    """
    reader = LedgerChatModel(ledger=ledger, purpose="extract", sampling=settings.reading)
    judge = LedgerChatModel(ledger=ledger, purpose="verify", sampling=JUDGE_SAMPLING)
    _note_foreign(transcripts, embedder)
    ids = {talk.id for talk in transcripts}
    utterances = [
        (talk, turn)
        for talk in transcripts
        for turn in talk.turns
        if _is_read(talk, turn, settings) and not _is_shared(talk, turn, ids)
    ]
    progress.start("utterances", total=len(utterances))
    read: dict[tuple[str, int], Read] = {}

    async def read_one(item: tuple[Transcript, Turn]) -> None:
        talk, turn = item
        read[talk.id, turn.index] = await _read(reader, talk, turn)
        progress.advance()

    await run_bounded(utterances, read_one, concurrency=concurrency)
    opinions = _screened(transcripts, read)
    offsets = await label_offsets(judge)
    names = {(talk.id, seat.id): seat.name for talk in transcripts for seat in talk.seats}
    judged: dict[str, Opinion] = {}
    to_judge = [opinion for opinion in opinions if opinion.dropped is None]
    progress.start("opinions", total=len(to_judge))

    async def judge_one(opinion: Opinion) -> None:
        found = await judge_opinion(judge, opinion, names[opinion.talk, opinion.speaker], offsets=offsets)
        novel = settings.keep == "entail+novel" and found.dropped in {"irrelevant", "no_stance"}
        judged[opinion.id] = found.model_copy(update={"dropped": None}) if novel else found
        progress.advance()

    await run_bounded(to_judge, judge_one, concurrency=concurrency)
    opinions = [judged.get(opinion.id, opinion) for opinion in opinions]
    opinions = await distinct(
        store, opinions, embedder, settings.dedupe, judge, offsets, concurrency=concurrency, progress=progress
    )
    samples = _samples(opinions, transcripts)
    unread = Counter(found.unread for found in read.values() if found.unread is not None)
    funnel = count_funnel(opinions, samples, talks=len(transcripts), utterances=len(utterances), unread=unread)
    await replace_refined(store, opinions, samples, funnel)
    return funnel


async def label_offsets(judge: LedgerChatModel) -> Offsets | None:
    """The judge's offsets: shipped for the built-in models, else fitted once (their replies stay in the ledger)."""
    shipped = shipped_offsets().get(judge.ledger.identity)
    if shipped is not None:
        return shipped
    return await fit_offsets(judge, survey_pairs(calibration_questions()))


def calibration_questions() -> list[Question]:
    """Questions whose scales make the calibration pairs: the seed questions with statements."""
    questions = load_survey("wvs7").questions.values()
    return [question for question in questions if question.split == "seed" and question.form == "statement"]


def _note_foreign(transcripts: Sequence[Transcript], embedder: Embedder) -> None:
    """Say that the default embedder reads English only, when there is something else to read."""
    spoken = {seat.language for talk in transcripts for seat in talk.seats}
    foreign = sorted(language for language in spoken if primary(language) != ENGLISH)
    if foreign and embedder.name == DEFAULT_EMBEDDER:
        note(
            f"embedder {DEFAULT_EMBEDDER} reads English only, and people speak {', '.join(foreign)} here, so samples "
            f"are merged wrongly or not at all: use --embedder {MULTILINGUAL} (pip install 'culturepark[multilingual]')"
        )


def _is_read(talk: Transcript, turn: Turn, settings: RefineSettings) -> bool:
    return settings.extract == "all" or talk.seat(turn.speaker).role == "delegate"


def _is_shared(talk: Transcript, turn: Turn, read: set[str]) -> bool:
    """Whether a fork has the turn from its parent, which is read too: one utterance is not two."""
    return talk.parent is not None and turn.index < talk.parent.turn and talk.parent.id in read


async def _read(reader: LedgerChatModel, talk: Transcript, turn: Turn) -> Read:
    if not turn.text.strip():
        return Read((), "blank")
    found = await extract(reader, talk, turn)
    if found.opinions is None:
        return Read((), "extract_failed")
    return Read(found.opinions, None if found.opinions else "no_opinion")


def _screened(transcripts: Sequence[Transcript], read: dict[tuple[str, int], Read]) -> list[Opinion]:
    """All opinions in the order they were said, those that code can rule out marked with the reason."""
    screened: list[Opinion] = []
    for talk in transcripts:
        seen: set[str] = set()
        for turn in talk.turns:
            found = read.get((talk.id, turn.index))
            if found is not None:
                screened += screen(found.opinions, turn, seen)
    return screened


def _samples(opinions: Sequence[Opinion], transcripts: Sequence[Transcript]) -> list[Sample]:
    talks = {talk.id: talk for talk in transcripts}
    merged: dict[str, list[str]] = {}
    for opinion in opinions:
        if opinion.kept is not None:
            merged.setdefault(opinion.kept, []).append(opinion.id)
    return [
        make_sample(
            opinion,
            tuple(merged.get(opinion.id, ())),
            question=talks[opinion.talk].seed,
            culture=talks[opinion.talk].seat(opinion.speaker).culture,
        )
        for opinion in opinions
        if opinion.dropped is None
    ]
