"""From talks to distinct, verified samples: extract, screen, verify, rewrite, place, voice, dedupe."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

from pydantic import Field

from culturepark.personas.language import ENGLISH, primary
from culturepark.personas.question import Question
from culturepark.personas.surveys.survey import Survey
from culturepark.postprocess.calibration import calibrated_judge
from culturepark.postprocess.distinct import DedupeSettings, distinct
from culturepark.postprocess.funnel import Funnel, count_funnel
from culturepark.postprocess.judge import Judge
from culturepark.postprocess.novel import Surroundings, place_novel, surroundings
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.reading import Readers, read_talks
from culturepark.postprocess.reword import SAMPLING as REWORDING
from culturepark.postprocess.rewrite import rewrite_opinion
from culturepark.postprocess.sample import Sample, make_sample
from culturepark.postprocess.shares import check_share
from culturepark.postprocess.tables import replace_refined
from culturepark.postprocess.talk_facts import TalkFacts, facts_of
from culturepark.postprocess.verify import judge_again, judge_opinion
from culturepark.postprocess.voice import voice_opinion, with_voice
from culturepark.runtime.console import note
from culturepark.runtime.engines import LOCAL, Engine
from culturepark.runtime.errors import ModelError
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, MULTILINGUAL, Embedder
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.progress import Reporter
from culturepark.runtime.record import Packed, Record
from culturepark.runtime.request import Sampling
from culturepark.runtime.store import Store
from culturepark.simulation.talks import each_transcript


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


K = TypeVar("K")


class _Passes(NamedTuple):
    """Does one step after the other on all opinions that it is for."""

    engine: Engine
    concurrency: int
    progress: Reporter

    async def over(
        self,
        opinions: Packed[Opinion],
        what: str,
        work: Callable[[Opinion, K], Awaitable[Opinion]],
        *,
        known: Callable[[Opinion], K | None],
    ) -> None:
        """Replace each opinion that a step is for by what it makes of it.

        One whose model gives no reply is dropped with that reason; the same refinement, done again, asks again.

        Args:
            opinions: Changed in place.
            what: Named beside the progress.
            work: Given an opinion and what is known of it.
            known: What the step needs to know beside an opinion; None where it is not for that one.
        """
        places = [place for place, opinion in enumerate(opinions) if known(opinion) is not None]
        if places:
            self.progress.start(what, total=len(places))

        def items() -> Iterator[tuple[int, Opinion, K]]:
            for place in places:
                opinion = opinions[place]
                about = known(opinion)
                assert about is not None
                yield place, opinion, about

        async def one(item: tuple[int, Opinion, K]) -> Opinion:
            _, opinion, about = item
            try:
                return await work(opinion, about)
            except ModelError:
                return opinion.model_copy(update={"dropped": "no_reply"})  # the ledger has the reason

        def keep(item: tuple[int, Opinion, K], found: Opinion) -> None:
            opinions[item[0]] = found
            self.progress.advance()

        await self.engine.map(one, items(), concurrency=self.concurrency, done=keep)


async def refine(
    store: Store,
    models: Models,
    talks: Sequence[str],
    embedder: Embedder,
    settings: RefineSettings,
    *,
    survey: Survey,
    concurrency: int,
    progress: Reporter,
    engine: Engine = LOCAL,
) -> Funnel:
    """Refine complete talks and put the result in the store, in place of the one before.

    The talks are given by id, in the order of the plan, and read from the store as they are needed. A second run over
    the same ones sends no request: every reply is in the ledger.

    Raises:
        BudgetSpentError: When the budget ended the run; committed replies stay.
        ModelError: When a model gives no reply about what all opinions hang on: the judge's calibration, or which
            of them are the same.
    """
    facts = {talk.id: facts_of(talk) for talk in each_transcript(store, talks)}
    note_foreign((seat.language for talk in facts.values() for seat in talk.seats), embedder)
    passes = _Passes(engine, concurrency, progress)
    reader = LedgerChatModel(ledger=models.writer, purpose="extract", sampling=settings.reading)
    read = await read_talks(
        store, reader, facts, settings.extract, concurrency=concurrency, progress=progress, engine=engine
    )
    opinions = read.opinions
    judge = await calibrated_judge(models.judge, concurrency=concurrency)
    await _verify(opinions, models, judge, facts, settings, survey, passes)
    await _place_novel(store, opinions, embedder, judge, facts, settings, survey, passes)
    await _voice(opinions, models, judge, facts, settings, passes)
    await distinct(
        store, opinions, embedder, settings.dedupe, judge, concurrency=concurrency, progress=progress, engine=engine
    )
    if models.open_second is not None:
        second = await calibrated_judge(await models.open_second(), concurrency=concurrency)
        await _judge_again(opinions, second, facts, passes)
    samples = Packed(Sample, make_samples(opinions, facts))
    funnel = count_funnel(opinions, samples, talks=len(talks), utterances=read.utterances, unread=read.unread)
    await replace_refined(store, opinions, samples, funnel)
    return funnel


async def _verify(
    opinions: Packed[Opinion],
    models: Models,
    judge: Judge,
    talks: Mapping[str, TalkFacts],
    settings: RefineSettings,
    survey: Survey,
    passes: _Passes,
) -> None:
    """Hold each opinion that screening left against its speaker's stance, and reword what contradicts it."""
    writer = LedgerChatModel(ledger=models.writer, purpose="rewrite", sampling=REWORDING)

    async def verify(opinion: Opinion, question: Question) -> Opinion:
        found = await judge_opinion(judge, opinion, question)
        if found.dropped == "contradict" and settings.rewrite:
            found = await rewrite_opinion(writer, judge, found, question)
        return await check_share(judge, found, question, survey) if found.dropped is None else found

    def known(opinion: Opinion) -> Question | None:
        return talks[opinion.talk].question if opinion.dropped is None else None

    await passes.over(opinions, "opinions", verify, known=known)


async def _place_novel(
    store: Store,
    opinions: Packed[Opinion],
    embedder: Embedder,
    judge: Judge,
    talks: Mapping[str, TalkFacts],
    settings: RefineSettings,
    survey: Survey,
    passes: _Passes,
) -> None:
    """Place what the stances do not decide, and keep of it what is asked for and corroborated."""
    seeds = [question for question in survey.questions.values() if question.split == "seed"]
    around = await surroundings(
        store, opinions, embedder, seeds, candidates=settings.novel.candidates, talks=talks, engine=passes.engine
    )

    async def place(opinion: Opinion, known: tuple[Surroundings, Question]) -> Opinion:
        near, question = known
        found = await place_novel(judge, opinion, near)
        if settings.keep != "entail+novel" or found.novelty is None:
            return found
        if len(found.novelty.corroborated_by) < settings.novel.min_corroboration:
            return found.model_copy(update={"dropped": "uncorroborated"})
        kept = found.model_copy(update={"dropped": None})
        return await check_share(judge, kept, question, survey)

    def known(opinion: Opinion) -> tuple[Surroundings, Question] | None:
        return (around[opinion.id], talks[opinion.talk].question) if opinion.id in around else None

    await passes.over(opinions, "novel opinions", place, known=known)


async def _voice(
    opinions: Packed[Opinion],
    models: Models,
    judge: Judge,
    talks: Mapping[str, TalkFacts],
    settings: RefineSettings,
    passes: _Passes,
) -> None:
    """Say who speaks in each opinion that is kept, and put views of the speaker's own into the first person."""
    writer = LedgerChatModel(ledger=models.writer, purpose="voice", sampling=REWORDING)

    async def voice(opinion: Opinion, name: str) -> Opinion:
        if not settings.voice:
            return with_voice(opinion)
        return await voice_opinion(writer, judge, opinion, name)

    def known(opinion: Opinion) -> str | None:
        return talks[opinion.talk].seat(opinion.speaker).name if opinion.dropped is None else None

    await passes.over(opinions, "voices", voice, known=known)


async def _judge_again(
    opinions: Packed[Opinion], second: Judge, talks: Mapping[str, TalkFacts], passes: _Passes
) -> None:
    """Have another judge read every text that was judged against a stance."""

    async def judge(opinion: Opinion, question: Question) -> Opinion:
        try:
            return await judge_again(second, opinion, question)
        except ModelError:
            return opinion  # the first judge decides, so nothing hangs on it

    def known(opinion: Opinion) -> Question | None:
        return talks[opinion.talk].question if opinion.verdict is not None else None

    await passes.over(opinions, "second verdicts", judge, known=known)


def note_foreign(spoken: Iterable[str], embedder: Embedder) -> None:
    """Say that the default embedder reads English only, when there is something else to read."""
    foreign = sorted(language for language in set(spoken) if primary(language) != ENGLISH)
    if foreign and embedder.name == DEFAULT_EMBEDDER:
        note(
            f"embedder {DEFAULT_EMBEDDER} reads English only, and people speak {', '.join(foreign)} here, so samples "
            f"are merged wrongly or not at all: use --embedder {MULTILINGUAL} (pip install 'culturepark[multilingual]')"
        )


def make_samples(opinions: Sequence[Opinion], talks: Mapping[str, TalkFacts]) -> Iterator[Sample]:
    """A sample for every opinion that was not dropped, with those that were merged into it."""
    merged: dict[str, list[str]] = {}
    for opinion in opinions:
        if opinion.kept is not None:
            merged.setdefault(opinion.kept, []).append(opinion.id)
    for opinion in opinions:
        if opinion.dropped is None:
            talk = talks[opinion.talk]
            yield make_sample(
                opinion,
                tuple(merged.get(opinion.id, ())),
                question=talk.question,
                culture=talk.seat(opinion.speaker).culture,
            )
