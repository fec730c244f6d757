"""From talks to distinct, verified samples: extract, screen, verify, rewrite, place, voice, dedupe."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from culturepark.personas.language import ENGLISH, primary
from culturepark.personas.surveys.survey import Survey
from culturepark.postprocess.calibration import calibrated_judge
from culturepark.postprocess.distinct import DedupeSettings, distinct
from culturepark.postprocess.funnel import Funnel, count_funnel
from culturepark.postprocess.judge import Judge
from culturepark.postprocess.novel import POOL, novel_placer
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.reading import Readers, read_talks
from culturepark.postprocess.reword import SAMPLING as REWORDING
from culturepark.postprocess.rewrite import rewrite_opinion
from culturepark.postprocess.sample import Sample, make_sample
from culturepark.postprocess.shares import check_share
from culturepark.postprocess.tables import replace_refined
from culturepark.postprocess.verify import judge_again, judge_opinion
from culturepark.postprocess.voice import voice_opinion, with_voice
from culturepark.runtime.console import note
from culturepark.runtime.engine import run_bounded
from culturepark.runtime.errors import ModelError
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, MULTILINGUAL, Embedder
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.progress import Reporter
from culturepark.runtime.record import Record
from culturepark.runtime.request import Sampling
from culturepark.runtime.store import Store
from culturepark.simulation.transcript import Transcript


class NovelSettings(Record):
    """When an opinion that its speaker's stance does not decide is corroborated by others."""

    min_corroboration: int = Field(default=1, ge=0)
    """Independent talks that must voice it, too, before `entail+novel` keeps it."""
    candidates: int = Field(default=5, ge=0)
    """How many of the most similar opinions of others are put to the judge."""


class RefineSettings(Record):
    """What is read, who judges, and what is kept."""

    judge: str | None = None
    """A model as after `--judge-model`; None is the model that talked. One that writes reads the talks, too."""
    second_judge: str | None = None
    """Another model that judges the same texts. Its verdicts are kept and counted; the first judge decides."""
    embedder: str = DEFAULT_EMBEDDER
    extract: Readers = "delegates"
    keep: Literal["entail", "entail+novel"] = "entail"
    """`entail+novel` also keeps corroborated opinions that neither follow from the speaker's stance nor exclude it."""
    novel: NovelSettings = NovelSettings()
    rewrite: bool = True
    """Whether a contradiction is reworded once, to agree with its speaker's stance, and judged again."""
    voice: bool = True
    """Whether a view of the speaker's own that is not in the first person is put into it by the model."""
    dedupe: DedupeSettings = DedupeSettings()
    reading: Sampling = Sampling(temperature=0, top_p=1, max_tokens=200)
    """How the extracting model is sampled."""


class Models(NamedTuple):
    """The models of a refinement, each behind its ledger."""

    writer: Ledger
    """Reads the talks and rewords."""
    judge: Ledger
    """Verifies; may be the same."""
    open_second: Callable[[], Awaitable[Ledger]] | None = None
    """Opens the second judge, when the first is done: two large models at once would need the memory of both."""


Work = Callable[[Opinion], Awaitable[Opinion]]


class _Passes(NamedTuple):
    """Does one step after the other on all opinions that it is for."""

    concurrency: int
    progress: Reporter

    async def over(
        self, opinions: Sequence[Opinion], what: str, work: Work, *, on: Callable[[Opinion], bool]
    ) -> list[Opinion]:
        """Replace the opinions that a step is for by what it makes of them, keeping the order.

        One whose model gives no reply is dropped with that reason; the same refinement, done again, asks again.
        """
        places = [place for place, opinion in enumerate(opinions) if on(opinion)]
        result = list(opinions)
        if places:
            self.progress.start(what, total=len(places))

        async def one(place: int) -> None:
            try:
                result[place] = await work(opinions[place])
            except ModelError:
                result[place] = opinions[place].model_copy(update={"dropped": "no_reply"})  # the ledger has the reason
            self.progress.advance()

        await run_bounded(places, one, concurrency=self.concurrency)
        return result


async def refine(
    store: Store,
    models: Models,
    transcripts: Sequence[Transcript],
    embedder: Embedder,
    settings: RefineSettings,
    *,
    survey: Survey,
    concurrency: int,
    progress: Reporter,
) -> Funnel:
    """Refine complete talks and put the result in the store, in place of the one before.

    A second run over the same talks sends no request: every reply is in the ledger.

    Raises:
        BudgetSpentError: When the budget ended the run; committed replies stay.
        ModelError: When a model gives no reply about what all opinions hang on: the judge's calibration, or which
            of them are the same.
    """
    note_foreign(transcripts, embedder)
    passes = _Passes(concurrency, progress)
    reader = LedgerChatModel(ledger=models.writer, purpose="extract", sampling=settings.reading)
    read = await read_talks(reader, transcripts, settings.extract, concurrency=concurrency, progress=progress)
    judge = await calibrated_judge(models.judge, concurrency=concurrency)
    opinions = await _verified(read.opinions, models, judge, transcripts, settings, survey, passes)
    opinions = await _with_novel(store, opinions, embedder, judge, transcripts, settings, survey, passes)
    opinions = await _voiced(opinions, models, judge, transcripts, settings, passes)
    opinions = await distinct(
        store, opinions, embedder, settings.dedupe, judge, concurrency=concurrency, progress=progress
    )
    if models.open_second is not None:
        second = await calibrated_judge(await models.open_second(), concurrency=concurrency)
        opinions = await _judged_again(opinions, second, transcripts, passes)
    samples = make_samples(opinions, transcripts)
    funnel = count_funnel(opinions, samples, talks=len(transcripts), utterances=read.utterances, unread=read.unread)
    await replace_refined(store, opinions, samples, funnel)
    return funnel


async def _verified(
    opinions: Sequence[Opinion],
    models: Models,
    judge: Judge,
    transcripts: Sequence[Transcript],
    settings: RefineSettings,
    survey: Survey,
    passes: _Passes,
) -> list[Opinion]:
    """Hold each opinion that screening left against its speaker's stance, and reword what contradicts it."""
    questions = {talk.id: talk.seed for talk in transcripts}
    writer = LedgerChatModel(ledger=models.writer, purpose="rewrite", sampling=REWORDING)

    async def verify(opinion: Opinion) -> Opinion:
        question = questions[opinion.talk]
        found = await judge_opinion(judge, opinion, question)
        if found.dropped == "contradict" and settings.rewrite:
            found = await rewrite_opinion(writer, judge, found, question)
        return await check_share(judge, found, question, survey) if found.dropped is None else found

    return await passes.over(opinions, "opinions", verify, on=lambda opinion: opinion.dropped is None)


async def _with_novel(
    store: Store,
    opinions: Sequence[Opinion],
    embedder: Embedder,
    judge: Judge,
    transcripts: Sequence[Transcript],
    settings: RefineSettings,
    survey: Survey,
    passes: _Passes,
) -> list[Opinion]:
    """Place what the stances do not decide, and keep of it what is asked for and corroborated."""
    pool = [opinion for opinion in opinions if opinion.dropped in POOL]
    questions = {talk.id: talk.seed for talk in transcripts}
    seeds = [question for question in survey.questions.values() if question.split == "seed"]
    place = await novel_placer(
        store,
        opinions,
        embedder,
        judge,
        seeds,
        candidates=settings.novel.candidates,
        root_of={talk.id: talk.root for talk in transcripts},
    )

    async def place_and_keep(opinion: Opinion) -> Opinion:
        found = await place(opinion)
        if settings.keep != "entail+novel" or found.novelty is None:
            return found
        if len(found.novelty.corroborated_by) < settings.novel.min_corroboration:
            return found.model_copy(update={"dropped": "uncorroborated"})
        kept = found.model_copy(update={"dropped": None})
        return await check_share(judge, kept, questions[opinion.talk], survey)

    ids = {opinion.id for opinion in pool}
    return await passes.over(opinions, "novel opinions", place_and_keep, on=lambda opinion: opinion.id in ids)


async def _voiced(
    opinions: Sequence[Opinion],
    models: Models,
    judge: Judge,
    transcripts: Sequence[Transcript],
    settings: RefineSettings,
    passes: _Passes,
) -> list[Opinion]:
    """Say who speaks in each opinion that is kept, and put views of the speaker's own into the first person."""
    names = {(talk.id, seat.id): seat.name for talk in transcripts for seat in talk.seats}
    writer = LedgerChatModel(ledger=models.writer, purpose="voice", sampling=REWORDING)

    async def voice(opinion: Opinion) -> Opinion:
        if not settings.voice:
            return with_voice(opinion)
        return await voice_opinion(writer, judge, opinion, names[opinion.talk, opinion.speaker])

    return await passes.over(opinions, "voices", voice, on=lambda opinion: opinion.dropped is None)


async def _judged_again(
    opinions: Sequence[Opinion], second: Judge, transcripts: Sequence[Transcript], passes: _Passes
) -> list[Opinion]:
    """Have another judge read every text that was judged against a stance."""
    questions = {talk.id: talk.seed for talk in transcripts}

    async def judge(opinion: Opinion) -> Opinion:
        try:
            return await judge_again(second, opinion, questions[opinion.talk])
        except ModelError:
            return opinion  # the first judge decides, so nothing hangs on it

    return await passes.over(opinions, "second verdicts", judge, on=lambda opinion: opinion.verdict is not None)


def note_foreign(transcripts: Sequence[Transcript], embedder: Embedder) -> None:
    """Say that the default embedder reads English only, when there is something else to read."""
    spoken = {seat.language for talk in transcripts for seat in talk.seats}
    foreign = sorted(language for language in spoken if primary(language) != ENGLISH)
    if foreign and embedder.name == DEFAULT_EMBEDDER:
        note(
            f"embedder {DEFAULT_EMBEDDER} reads English only, and people speak {', '.join(foreign)} here, so samples "
            f"are merged wrongly or not at all: use --embedder {MULTILINGUAL} (pip install 'culturepark[multilingual]')"
        )


def make_samples(opinions: Sequence[Opinion], transcripts: Sequence[Transcript]) -> list[Sample]:
    """A sample for every opinion that was not dropped, with those that were merged into it."""
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
