"""The dialogue suite: what is checked before anything is asked, the models it opens, and its result."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from culturepark import Study
from culturepark.benchmarks.asking import Asker, silence
from culturepark.benchmarks.dialogue.asked import Ask, siblings
from culturepark.benchmarks.dialogue.measuring import Measured, asks_of, put, together
from culturepark.benchmarks.dialogue.settings import PROBES, DialogueSettings, Measure
from culturepark.benchmarks.dialogue.summary import scores_of, values_of
from culturepark.benchmarks.dialogue.tables import tables_of
from culturepark.benchmarks.dialogue.texts import Texts, texts_of
from culturepark.benchmarks.talk_metrics import Held
from culturepark.benchmarks.talks import load_talks
from culturepark.benchmarks.task import BenchSettings, ItemScore, SuiteResult, Task, load_task
from culturepark.personas.culture import Culture
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import Survey, load_survey
from culturepark.postprocess.refine import note_foreign
from culturepark.postprocess.stance_mix import Mix, stance_mixes
from culturepark.postprocess.tables import load_opinions, load_samples
from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.embedders import Embedder, SentenceEmbedder
from culturepark.runtime.models.opening import check_address, open_model
from culturepark.runtime.models.spec import ModelSpec, parse_model
from culturepark.runtime.progress import Reporter
from culturepark.runtime.request import Model
from culturepark.runtime.store import Store
from culturepark.simulation.saved import load_saved, model_to_ask
from culturepark.simulation.transcript import Transcript

FEWEST: Final = 2
"""Talks below which nothing has an interval."""


class Asked(NamedTuple):
    """A model, where it is, and what it is asked."""

    spec: ModelSpec
    address: str | None
    asks: dict[Measure, list[Ask]]


class Plan(NamedTuple):
    """Talks of one model, and all that will be asked about them."""

    model: str
    """Identity of the model that talked."""
    held: tuple[Held, ...]
    asked: tuple[Asked, ...]
    """The speaker first, then the judge; each only where it is asked anything."""
    notes: tuple[str, ...]

    @property
    def talks(self) -> list[Transcript]:
        """The talks."""
        return [one.talk for one in self.held]


class Plans(NamedTuple):
    """Everything a call of the suite will do."""

    task: Task
    survey: Survey
    cultures: tuple[Culture, ...]
    mixes: tuple[Mix, ...]
    plans: tuple[Plan, ...]


def prepare(store: Store, study: Study, folder: Path) -> Plans:
    """Decide what will be asked, model by model of those that talked, and refuse what cannot be meant.

    Raises:
        CultureParkError: For an empty run or too few talks, a judge that is missing, is the speaker or cannot place
            anybody, no sibling items, or a speaker who is not to be had any more. Nothing was sent.
    """
    settings, task = study.bench.dialogue, load_task(__package__)
    if study.bench.models and set(study.bench.suites) == {task.name}:
        raise CultureParkError(
            f"dialogue measures the talks of {folder} and asks the model that held them; leave --model out, and name "
            "who judges with --judge-model"
        )
    held = _chosen(store, study.bench, folder)
    saved = load_saved(folder, model=held[0].talk.model)
    survey = load_survey(saved.simulate.source)
    roster = load_roster([Path(one) for one in saved.persona_folders])
    cultures = tuple(roster.cultures.values())
    talks = [one.talk for one in held]
    judge = _judge(settings, talks)
    plans: list[Plan] = []
    for model in dict.fromkeys(talk.model for talk in talks):
        own = tuple(one for one in held if one.talk.model == model)
        alone = _siblings(own, settings, survey)
        asks = asks_of([one.talk for one in own], settings.measures, survey=survey, task=task, cultures=cultures)
        asked: list[Asked] = []
        if to_speaker := {name: asks[name] for name in asks if name in PROBES}:
            spec, address = model_to_ask(saved, model, model=None, base_url=study.base_url)
            _same_speaker(spec, model)
            asked.append(Asked(spec, address if spec.kind == "openai" else None, to_speaker))
        if judge is not None and (to_judge := {name: asks[name] for name in asks if name not in PROBES}):
            address = (study.base_url or saved.base_url) if judge.kind == "openai" else None
            asked.append(Asked(judge, address, to_judge))
        for one in asked:
            check_address(one.spec, one.address)
        plans.append(Plan(model, own, tuple(asked), alone))
    opinions = load_opinions(store)
    everyone = any(opinion.speaker == _main(talks, opinion.talk) for opinion in opinions)
    mixes = stance_mixes(survey, talks, opinions, everyone=everyone) if opinions else []
    return Plans(task, survey, cultures, tuple(mixes), tuple(plans))


async def run(
    plans: Plans,
    store: Store,
    study: Study,
    *,
    make_ledger: Callable[[Model], Ledger],
    progress: Reporter,
    embedder: Embedder | None = None,
) -> list[SuiteResult]:
    """Ask what was planned, and measure: one result for each model that talked.

    Raises:
        EndpointDownError: When a model cannot be asked.
        BudgetSpentError: When the budget ended the run; every reply so far is kept.
    """
    embedder = embedder or SentenceEmbedder(study.bench.dialogue.embedder)
    return [await _run(plan, plans, store, study, make_ledger, progress, embedder) for plan in plans.plans]


async def _run(
    plan: Plan,
    plans: Plans,
    store: Store,
    study: Study,
    make_ledger: Callable[[Model], Ledger],
    progress: Reporter,
    embedder: Embedder,
) -> SuiteResult:
    _state_costs(plan)
    parts: list[Measured] = []
    problems: list[str] = []
    for asked in plan.asked:
        async with open_model(asked.spec, base_url=asked.address) as opened:
            asker = _asker(asked.spec, make_ledger(opened.endpoint), study, progress)
            parts.append(await put(asker, asked.asks))
        problems += silence(asker.model, parts[-1].counts)
    measured = together(parts, plan.talks)
    note_foreign((seat.language for talk in plan.talks for seat in talk.seats), embedder)
    ids = {talk.id for talk in plan.talks}
    samples = [sample for sample in load_samples(store) if sample.talk in ids]
    texts: Texts = await texts_of(store, embedder, plan.talks, samples, plans.cultures, progress=progress)
    values = values_of(plan.held, measured, texts, plans.survey)
    return SuiteResult(
        suite=plans.task.name,
        version=plans.task.version,
        model=plan.model.partition("@")[0],
        identity=plan.model,
        settings=study.bench,
        counts=measured.counts,
        scores=tuple(scores_of(plan.talks, values, texts, measured.control)),
        tables=tuple(tables_of(plan.talks, measured, texts, plans.mixes, plans.survey)),
        items=tuple(_items(plan.talks, values)),
        problems=tuple(problems),
        notes=plan.notes,
    )


def _items(talks: Sequence[Transcript], values: dict[str, dict[str, float]]) -> list[ItemScore]:
    """Every value of every talk, so that other commands need not measure again."""
    return [
        ItemScore(
            id=f"{name}/{talk.id}",
            cluster=talk.seed.id,
            culture="+".join(seat.culture.id for seat in talk.seats if seat.role == "delegate"),
            value=found[talk.id],
        )
        for name, found in values.items()
        for talk in talks
        if talk.id in found
    ]


def _chosen(store: Store, settings: BenchSettings, folder: Path) -> list[Held]:
    run = load_talks(store)
    about = [one for one in run.held if one.talk.question is not None and one.talk.turns]
    own = [one for one in about if any(settings.wants(seat.culture.id) for seat in one.talk.seats)]
    chosen = own[: settings.limit]
    if len(chosen) < FEWEST:
        what = "no complete talk" if not chosen else "1 complete talk"
        asked = " that was asked for" if len(about) > len(chosen) else ""
        unfinished = f", and {run.unfinished} unfinished" if run.unfinished else ""
        raise CultureParkError(
            f"{folder}: {what}{asked}{unfinished}; dialogue needs {FEWEST} or more, for there is no interval of one: "
            f"hold them with `culturepark simulate --run {folder} --limit N`"
        )
    return chosen


def _judge(settings: DialogueSettings, talks: Sequence[Transcript]) -> ModelSpec | None:
    wanted = [name for name in settings.measures if name not in PROBES]
    if not wanted:
        return None
    if settings.judge is None:
        raise CultureParkError(
            f"{', '.join(wanted)}: a judge has to read the talks; name one with --judge-model, or measure with "
            "--measure told,near alone"
        )
    judge = parse_model(settings.judge)
    if not judge.talks:
        raise CultureParkError(
            f"--judge-model {settings.judge!r} judges pairs of texts and cannot place a speaker on a scale; name a "
            "model that writes"
        )
    if not settings.same_judge and judge.identity in {talk.model for talk in talks}:
        raise CultureParkError(
            f"--judge-model {settings.judge!r} held these talks itself: a model finds its own words plausible, so its "
            "readings are no check of them; name another judge, or add --same-judge and say so where you report it"
        )
    return judge


def _same_speaker(spec: ModelSpec, model: str) -> None:
    if spec.identity != model:
        raise CultureParkError(
            f"the talks were held by {model}, and {spec.identity} is here today: probes would ask somebody else; leave "
            "them out with --measure heard,kinds,understanding"
        )


def _siblings(held: Sequence[Held], settings: DialogueSettings, survey: Survey) -> tuple[str, ...]:
    """Say where `near` has nothing to ask.

    Raises:
        CultureParkError: When it has nothing to ask anywhere.
    """
    if "near" not in settings.measures:
        return ()
    questions = {one.talk.seed.id: one.talk.seed for one in held}
    alone = sorted(name for name, question in questions.items() if not siblings(question, survey))
    if len(alone) == len(questions):
        rest = ",".join(name for name in settings.measures if name != "near")
        raise CultureParkError(
            f"near: {', '.join(alone)} has no other item in its battery that could be asked; measure without it: "
            f"--measure {rest or 'told'}"
        )
    return tuple(f"near: {name} is alone in its battery, and its talks are not probed so" for name in alone)


def _state_costs(plan: Plan) -> None:
    """Say how many requests are coming, before the first."""
    for one in plan.asked:
        each = ", ".join(f"{name} {len(asks)}" for name, asks in one.asks.items())
        total = sum(len(asks) for asks in one.asks.values())
        note(
            f"dialogue, {len(plan.held)} talks: at most {total} requests to {one.spec.identity} ({each}); what "
            "was asked before is in the ledger"
        )


def _asker(spec: ModelSpec, ledger: Ledger, study: Study, progress: Reporter) -> Asker:
    async def opened(_way: object) -> Ledger:
        return ledger

    return Asker(
        opened,
        scoring="generate",
        model=spec.identity.partition("@")[0],
        identity=spec.identity,
        seed=study.seed,
        concurrency=study.bench.concurrency,
        progress=progress,
    )


def _main(talks: Sequence[Transcript], talk: str) -> str | None:
    return next((seat.id for one in talks if one.id == talk for seat in one.seats if seat.role == "main_contact"), None)
