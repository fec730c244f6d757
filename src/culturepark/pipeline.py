"""The main job: survey answers to talks to samples, one stage after the other, resumable everywhere."""

import resource
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, Self

from culturepark.personas import load_roster, load_survey
from culturepark.personas.casting import Skipped
from culturepark.postprocess.annotate.report import Standing, standing
from culturepark.postprocess.funnel import Funnel
from culturepark.postprocess.refine import Models, RefineSettings, refine
from culturepark.postprocess.tables import each_opinion, load_opinions, load_samples
from culturepark.postprocess.yields import accumulated
from culturepark.protocols import LoadedProtocol
from culturepark.runtime.console import note, silent
from culturepark.runtime.engines import Chosen, Engine, check_engine, open_engine
from culturepark.runtime.engines.local import run_to_end
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import sha256
from culturepark.runtime.ledger import Ledger, Tally
from culturepark.runtime.models.embedders import SentenceEmbedder
from culturepark.runtime.models.opening import OpenModel, check_address, open_model
from culturepark.runtime.models.spec import ModelSpec, parse_model
from culturepark.runtime.progress import Reporter, Silent, show_progress
from culturepark.runtime.record import Record
from culturepark.runtime.request import Model, Sampling
from culturepark.runtime.store import Store, only_writer, open_store
from culturepark.simulation import Transcript, simulate
from culturepark.simulation.cells import PlannedCell, plan_cells
from culturepark.simulation.exclusions import Exclusion, excluding, load_exclusions
from culturepark.simulation.lines import TalkLine, list_talks
from culturepark.simulation.selection import Selection
from culturepark.simulation.talks import failures, save_plans
from culturepark.study import Study
from culturepark.target import FIRST_TALKS, TargetResult, first_size, next_size, why_stop

Stage = Literal["simulate", "refine"]
STAGES: tuple[Stage, ...] = ("simulate", "refine")


class Failure(Record):
    """A talk that did not end well."""

    talk: str
    reason: str


class Result(Record):
    """What a run did: the `--json` document of `run`, `simulate` and `refine`."""

    run: str
    dialogues: int
    """Complete talks of the study."""
    failed: tuple[Failure, ...]
    skipped: int
    """Question and country pairs left out because the country was not asked."""
    notes: tuple[str, ...]
    """Where stances come from more people than the study asks for, in words."""
    turns: int
    flagged: int
    """Turns that the checks still object to after a second draw."""
    requests_sent: int
    requests_cached: int
    unanswered: dict[str, int]
    """Requests that got no reply after every try, by reason; the same command asks them again."""
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    """Part of `tokens_in` that the endpoint read from its prefix cache."""
    cost: float | None
    """US dollars; None where no price is known."""
    seconds: dict[str, float]
    """Wall-clock time of each stage, start of the model included."""
    peak_memory: int
    """Bytes, at most: the highest of this process plus the highest of its largest child."""
    funnel: Funnel | None
    removed: tuple[str, ...]
    """Talks left out because what they are about was removed from the run, in words."""
    target: TargetResult | None
    """How a run toward a number of samples ended; None without `target`."""
    judge: Standing | None
    """Who judged, and whether people have looked at that judge; None when nothing was refined."""


class Part(NamedTuple):
    """Talks that one model holds under one protocol, sampled in one way."""

    model: str
    protocol: LoadedProtocol
    sampling: Sampling
    talks: tuple[Transcript, ...]


class Planned(NamedTuple):
    """A study's talks, before anything is sent."""

    parts: tuple[Part, ...]
    """Those of one model stand together."""
    skipped: frozenset[Skipped]
    notes: tuple[str, ...]
    """Where a stance had to come from more people than asked for."""
    removed: tuple[str, ...] = ()
    """What was left out because it was removed from the run, in words."""

    def without(self, exclusions: Sequence[Exclusion]) -> "Planned":
        """The plan without the talks that use what was removed from a run."""
        left_out = Counter(found.words for talk in self.talks if (found := excluding(exclusions, talk)) is not None)
        if not left_out:
            return self
        parts = tuple(
            part._replace(talks=tuple(talk for talk in part.talks if excluding(exclusions, talk) is None))
            for part in self.parts
        )
        words = tuple(f"{count} talks: {what} was removed from this run" for what, count in sorted(left_out.items()))
        return self._replace(parts=parts, removed=words)

    @property
    def talks(self) -> tuple[Transcript, ...]:
        """All talks."""
        return tuple(talk for part in self.parts for talk in part.talks)


class WrittenPart(NamedTuple):
    """A part whose talks stand in the store."""

    model: str
    protocol: LoadedProtocol
    sampling: Sampling
    talks: tuple[str, ...]
    seats: int
    """Of the largest talk."""


class Written(NamedTuple):
    """A study's plan in the store, which holds the talks: in memory they are several KB each."""

    parts: tuple[WrittenPart, ...]
    skipped: int
    notes: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def talks(self) -> frozenset[str]:
        """Ids of all talks."""
        return frozenset(talk for part in self.parts for talk in part.talks)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that talk, in the order of the study."""
        return tuple(dict.fromkeys(part.model for part in self.parts))


async def write_plan(store: Store, planned: Planned) -> Written:
    """Write a study's talks down; those that are there already stay as they are."""
    await save_plans(store, planned.talks)
    parts = tuple(
        WrittenPart(
            part.model,
            part.protocol,
            part.sampling,
            tuple(talk.id for talk in part.talks),
            max((len(talk.seats) for talk in part.talks), default=0),
        )
        for part in planned.parts
    )
    return Written(parts, len(planned.skipped), planned.notes, planned.removed)


def run(
    study: Study,
    folder: Path | None = None,
    *,
    stages: Sequence[Stage] = STAGES,
    store_url: str | None = None,
    engine: Chosen = Chosen(),
    show: bool = False,
    every_talk: bool = False,
) -> Result:
    """Do a study's stages in a run folder (`runs/<name>` by default); what is done already is not done again.

    With `show`, progress goes to stderr. With `every_talk`, all complete talks of the folder are refined, not only
    the study's own: forks and imported ones too.

    Raises:
        CultureParkError: For a mistake in the study, a folder in use, an endpoint that cannot be used.
        BudgetSpentError: When the budget ended the run; what is done is saved.
        KeyboardInterrupt: On Ctrl-C or SIGTERM; what is done is saved.
    """
    return run_to_end(
        run_stages(
            study,
            folder or default_folder(study),
            stages=stages,
            store_url=store_url,
            engine=engine,
            show=show,
            every_talk=every_talk,
        )
    )


async def run_stages(
    study: Study,
    folder: Path,
    *,
    stages: Sequence[Stage],
    store_url: str | None,
    engine: Chosen = Chosen(),
    show: bool,
    every_talk: bool = False,
) -> Result:
    """`run` for callers with an event loop of their own."""
    targeted = study.target.samples is not None and {"simulate", "refine"} <= set(stages)
    # Before the folder is made, so that a mistake in the study leaves nothing behind.
    planned = plan(study.sized(FIRST_TALKS) if targeted else study)
    check_engine(engine, folder, store_url)
    _check_reach(study, engine)
    with only_writer(folder), _opened(folder, store_url) as store:
        tally = Tally()
        async with open_engine(engine, store, budget=study.budget, limits=study.limits, tally=tally) as opened:
            tell = note if show else silent

            def make_ledger(model: Model) -> Ledger:
                return Ledger(store, model, budget=opened.budget, limits=opened.limits, tally=tally, tell=tell)

            with show_progress(tally) if show else _silent() as progress:
                async with _OneModel(study, make_ledger) as models:
                    sitting = _Sitting(study, store, models, opened.engine, progress, every_talk=every_talk)
                    target = None
                    if targeted:
                        target = await sitting.toward_target()
                    else:
                        await sitting.write(study, planned)
                        del planned  # it stands in the store
                        await sitting.do(stages)
        ids = sitting.written.talks
        held = _held(line for line in list_talks(store, Selection()) if every_talk or line.talk in ids)
        failed = tuple(
            Failure(talk=talk, reason=reason) for talk, reason in failures(store) if every_talk or talk in ids
        )
        judge = standing(store, each_opinion(store)) if sitting.funnel is not None else None
    return _result(folder, sitting, held, failed, tally, target, judge)


class _Sitting:
    """The work on one run from opening its folder to closing it."""

    def __init__(
        self, study: Study, store: Store, models: "_OneModel", engine: Engine, progress: Reporter, *, every_talk: bool
    ) -> None:
        self._study = study
        self._store = store
        self._models = models
        self._engine = engine
        self._progress = progress
        self._every_talk = every_talk
        self._removed = load_exclusions(store)
        self._tried: set[str] = set()
        """Talks held in this sitting: those that failed are tried again in the next."""
        self.written: Written
        self.funnel: Funnel | None = None
        self.seconds: dict[str, float] = {}

    async def write(self, study: Study, planned: Planned) -> None:
        """Write down a study of a certain size; `planned` are its talks.

        Raises:
            CultureParkError: When nothing is left of the study.
        """
        planned = planned.without(self._removed)
        if not planned.talks:
            raise CultureParkError(
                f"{self._store.folder}: every talk of the study uses what was removed from this run "
                f"({', '.join(one.words for one in self._removed)}); choose other questions, or another --run"
            )
        study.save(self._store.folder)
        self.written = await write_plan(self._store, planned)

    async def do(self, stages: Sequence[Stage]) -> None:
        """Do stages of what is written.

        Raises:
            CultureParkError: When there is nothing to refine.
        """
        if "simulate" in stages:
            with self._timed("simulate"):
                for part in self.written.parts:
                    await self._hold(part)
        if "refine" in stages:
            with self._timed("refine"):
                await self._distil()

    async def toward_target(self) -> TargetResult:
        """Hold talks and refine them in rounds until there are enough samples, or no more to find."""
        target, most = self._study.target, self._study.simulate.talks
        assert target.samples is not None
        known = {line.talk for line in list_talks(self._store, Selection())}
        size = first_size(held_talks(self._study, known), most=most)
        complete, rounds = -1, 0
        while True:
            sized = self._study.sized(size)
            await self.write(sized, plan(sized))
            await self.do(STAGES)
            rounds += 1
            ids = self.written.talks
            lines = list_talks(self._store, Selection(status="complete"))
            talks = [line.talk for line in lines if line.talk in ids]
            curve = accumulated(talks, load_opinions(self._store), load_samples(self._store))
            stopped = why_stop(target, curve, size=size, most=most, complete_before=complete)
            if stopped is not None:
                return TargetResult(
                    samples=target.samples, found=curve[-1], talks=len(talks), rounds=rounds, stopped=stopped
                )
            complete = len(talks)
            size = next_size(size, found=curve[-1], wanted=target.samples, most=most)

    async def _hold(self, part: WrittenPart) -> None:
        talks = [talk for talk in part.talks if talk not in self._tried]
        if not talks:
            return
        talker, ledger = await self._models.open(part.model)
        await simulate(
            self._store,
            ledger,
            talks,
            part.protocol,
            sampling=part.sampling,
            concurrency=_in_flight(self._study, talker, each=part.seats),
            progress=self._progress,
            engine=self._engine,
        )
        self._tried.update(talks)

    async def _distil(self) -> None:
        talks = _to_refine(self._store, None if self._every_talk else self.written.talks)
        # One judge for all talks: verdicts of several could not be compared.
        settings, talker = self._study.refine, self.written.models[0]
        asked = settings.judge or talker
        writer, ledger = await self._models.open(asked if parse_model(asked).talks else talker)
        _, judge = await self._models.open(asked)
        self.funnel = await refine(
            self._store,
            Models(ledger, judge, self._models.opener(settings.second_judge)),
            talks,
            SentenceEmbedder(settings.embedder),
            settings,
            survey=load_survey(self._study.simulate.source),
            concurrency=_in_flight(self._study, writer, each=1),
            progress=self._progress,
            engine=self._engine,
        )

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        clock = time.monotonic()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - clock


def _to_refine(store: Store, ids: frozenset[str] | None) -> list[str]:
    """Complete talks about a survey question, in the order of the plan: those of the ids, or all.

    Raises:
        CultureParkError: When there is none, and why.
    """
    complete = {line.talk: line.question is not None for line in list_talks(store, Selection(status="complete"))}
    talks = [talk for talk, asked in complete.items() if asked and (ids is None or talk in ids)]
    if ids is None and (left_out := len(complete) - len(talks)):
        note(f"{left_out} talks about no survey question are left out; import them with --question ID")
    if talks:
        return talks
    if ids is not None and any(complete.values()):
        raise CultureParkError(
            f"{store.folder}: no complete talk of the study to refine, only forks, imported talks or an earlier "
            "study's; `culturepark refine --all` reads them"
        )
    if complete:
        raise CultureParkError(
            f"{store.folder}: no complete talk here is about a survey question, so no opinion can be judged or "
            "exported; import the talks with --question ID"
        )
    raise CultureParkError(f"{store.folder}: no complete talk to refine; run `culturepark simulate` first")


def plan(study: Study) -> Planned:
    """Cast and write down a study's talks; sends nothing.

    Raises:
        CultureParkError: For any mistake in the study that can be seen before the first request.
    """
    models = list(dict.fromkeys(cell.model for cell in study.cells))
    _check_judges(study.refine, talker=models[0])
    for model in map(parse_model, models):
        if not model.talks:
            raise CultureParkError(
                f"model 'nli:{model.name}' judges pairs of texts and cannot talk; give it as --judge-model"
            )
        # Where models are varied, our own among them have no address.
        check_address(model, _address(study, model) if "model" in study.vary else study.base_url)
    parts: dict[tuple[str, str], Part] = {}
    held = _cells(study)
    for cell, protocol, talks, *_ in sorted(held, key=lambda one: models.index(one.cell.model)):
        alike = cell.model, sha256([protocol.name, protocol.args, cell.simulate.sampling])
        known = {talk.id for part in parts.values() for talk in part.talks}
        # A factor that does not touch a talk, such as who sits for another culture, makes no second one.
        new = tuple(talk for talk in talks if talk.id not in known)
        before = parts[alike].talks if alike in parts else ()
        parts[alike] = Part(cell.model, protocol, cell.simulate.sampling, before + new)
    return Planned(
        tuple(parts.values()),
        frozenset(skip for one in held for skip in one.skipped),
        tuple(dict.fromkeys(note for one in held for note in one.notes)),
    )


def _check_reach(study: Study, engine: Chosen) -> None:
    """Refuse models that the workers of a cluster cannot ask.

    Raises:
        CultureParkError: Names the first one.
    """
    asked = [*(cell.model for cell in study.cells), study.refine.judge, study.refine.second_judge]
    for name in (name for name in asked if name is not None):
        if engine.address is not None and parse_model(name).kind in {"builtin", "gguf"}:
            raise CultureParkError(
                f"--address {engine.address}: {name!r} is served on this machine only; serve it where all machines "
                "reach it, and use --model openai:NAME --base-url"
            )


def held_talks(study: Study, known: Collection[str]) -> int:
    """How far a study's plan was gone through: the number of its talks (of each combination) up to the last known one.

    More talks never change earlier ones, so a plan of any size begins the same.
    """
    cells = _cells(study.sized(len(known) + 1))
    return max((place + 1 for cell in cells for place, talk in enumerate(cell.talks) if talk.id in known), default=0)


def _cells(study: Study) -> list[PlannedCell]:
    roster = load_roster([Path(folder) for folder in study.persona_folders])
    return plan_cells(study.cells, roster, load_survey(study.simulate.source), seed=study.seed)


def default_folder(study: Study) -> Path:
    """Where a study's run lies unless told otherwise."""
    return Path("runs") / study.name


def _check_judges(settings: RefineSettings, *, talker: str) -> None:
    """Refuse judges that cannot be meant.

    Raises:
        CultureParkError: For an unknown model, or a second judge that is the first.
    """
    judge = parse_model(settings.judge or talker)
    if settings.second_judge is not None and parse_model(settings.second_judge).identity == judge.identity:
        raise CultureParkError(f"second_judge {settings.second_judge!r} is the judge itself; name another model")


class _OneModel:
    """Keeps one model that writes open at a time: two built-in ones at once would need the memory of both."""

    def __init__(self, study: Study, make_ledger: Callable[[Model], Ledger]) -> None:
        self._study = study
        self._make_ledger = make_ledger
        self._stack = AsyncExitStack()
        self._name: str | None = None
        self._open: tuple[OpenModel, Ledger]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def open(self, name: str) -> tuple[OpenModel, Ledger]:
        """The model of this name, which stays open until another that writes is asked for."""
        if self._name != name:
            spec = parse_model(name)
            if not spec.talks:  # lives in this process, beside the one that is open
                judge = await self._stack.enter_async_context(open_model(spec))
                return judge, self._make_ledger(judge.endpoint)
            await self._stack.aclose()
            address, timeout = _address(self._study, spec), self._study.limits.timeout
            model = await self._stack.enter_async_context(open_model(spec, base_url=address, timeout=timeout))
            self._name, self._open = name, (model, self._make_ledger(model.endpoint))
        return self._open

    def opener(self, name: str | None) -> Callable[[], Awaitable[Ledger]] | None:
        """What opens the model of this name later on; None for no name."""
        if name is None:
            return None

        async def later() -> Ledger:
            return (await self.open(name))[1]

        return later


def _address(study: Study, model: ModelSpec) -> str | None:
    """The server's address; our own models have none."""
    return study.base_url if model.kind == "openai" else None


def _in_flight(study: Study, model: OpenModel, *, each: int) -> int:
    """Pieces of work at once, each of which keeps `each` prefixes warm in the model's cache."""
    return max(1, min(study.simulate.concurrency, model.concurrency // each))


@contextmanager
def _opened(folder: Path, url: str | None) -> Iterator[Store]:
    store = open_store(folder, url=url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _silent() -> Iterator[Reporter]:
    yield Silent()


class _Held(NamedTuple):
    """What stands in the store of a study's talks."""

    dialogues: int
    turns: int
    flagged: int


def _held(lines: Iterable[TalkLine]) -> _Held:
    dialogues = turns = flagged = 0
    for line in lines:
        dialogues += line.status == "complete"
        turns += line.turns
        flagged += line.flagged
    return _Held(dialogues, turns, flagged)


def _result(
    folder: Path,
    sitting: _Sitting,
    held: _Held,
    failed: tuple[Failure, ...],
    tally: Tally,
    target: TargetResult | None,
    judge: Standing | None,
) -> Result:
    written = sitting.written
    return Result(
        run=str(folder),
        dialogues=held.dialogues,
        failed=failed,
        skipped=written.skipped,
        notes=written.notes,
        turns=held.turns,
        flagged=held.flagged,
        requests_sent=tally.sent,
        requests_cached=tally.cached,
        unanswered=dict(sorted(tally.unanswered.items())),
        tokens_in=tally.tokens_in,
        tokens_out=tally.tokens_out,
        tokens_cached=tally.tokens_prefix,
        cost=tally.cost,
        seconds={stage: round(value, 2) for stage, value in sitting.seconds.items()},
        peak_memory=_peak_memory(),
        funnel=sitting.funnel,
        removed=written.removed,
        target=target,
        judge=judge,
    )


def _peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit
