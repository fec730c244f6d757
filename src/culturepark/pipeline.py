"""The main job: survey answers to talks to samples, one stage after the other, resumable everywhere."""

import asyncio
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, Self

from culturepark.personas import Casting, cast_talks, load_roster, load_survey
from culturepark.personas.casting import Skipped
from culturepark.personas.roster import Roster
from culturepark.postprocess.funnel import Funnel
from culturepark.postprocess.refine import Models, RefineSettings, refine
from culturepark.protocols import LoadedProtocol, load_protocol
from culturepark.runtime.budget import Budget
from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import sha256
from culturepark.runtime.ledger import Ledger, Tally, spent_before
from culturepark.runtime.models.embedders import SentenceEmbedder
from culturepark.runtime.models.opening import OpenModel, check_address, open_model
from culturepark.runtime.models.spec import ModelSpec, parse_model
from culturepark.runtime.progress import Reporter, Silent, show_progress
from culturepark.runtime.record import Record
from culturepark.runtime.request import Model, Sampling
from culturepark.runtime.store import Store, only_writer, open_store
from culturepark.simulation import Transcript, load_transcripts, plan_talks, simulate
from culturepark.simulation.cells import plan_cells
from culturepark.simulation.talks import save_plans
from culturepark.study import Study

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

    @property
    def talks(self) -> tuple[Transcript, ...]:
        """All talks."""
        return tuple(talk for part in self.parts for talk in part.talks)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that talk, in the order of the study."""
        return tuple(dict.fromkeys(part.model for part in self.parts))


def run(
    study: Study,
    folder: Path | None = None,
    *,
    stages: Sequence[Stage] = STAGES,
    store_url: str | None = None,
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
    with _terminated_like_interrupted():
        return asyncio.run(
            run_stages(
                study,
                folder or default_folder(study),
                stages=stages,
                store_url=store_url,
                show=show,
                every_talk=every_talk,
            )
        )


async def run_stages(
    study: Study, folder: Path, *, stages: Sequence[Stage], store_url: str | None, show: bool, every_talk: bool = False
) -> Result:
    """`run` for callers with an event loop of their own."""
    planned = plan(study)
    seconds: dict[str, float] = {}
    with only_writer(folder), _opened(folder, store_url) as store:
        study.save(folder)
        tally = Tally()
        budget = Budget(study.budget, spent=spent_before(store))
        ids = {talk.id for talk in planned.talks}
        funnel: Funnel | None = None

        def make_ledger(model: Model) -> Ledger:
            return Ledger(store, model, budget=budget, limits=study.limits, tally=tally)

        with show_progress(tally) if show else _silent() as progress:
            clock = time.monotonic()
            await save_plans(store, planned.talks)
            async with _OneModel(study, make_ledger) as models:
                if "simulate" in stages:
                    for part in planned.parts:
                        talker, ledger = await models.open(part.model)
                        seats = max(len(talk.seats) for talk in part.talks)
                        await simulate(
                            store,
                            ledger,
                            part.talks,
                            part.protocol.protocol,
                            sampling=part.sampling,
                            concurrency=_in_flight(study, talker, each=seats),
                            progress=progress,
                        )
                    seconds["simulate"] = time.monotonic() - clock
                if "refine" in stages:
                    clock = time.monotonic()
                    talks = _to_refine(store, None if every_talk else ids)
                    # One judge for all talks: verdicts of several could not be compared.
                    asked = study.refine.judge or planned.models[0]
                    writer, ledger = await models.open(asked if parse_model(asked).talks else planned.models[0])
                    _, judge = await models.open(asked)
                    funnel = await refine(
                        store,
                        Models(ledger, judge, models.opener(study.refine.second_judge)),
                        talks,
                        SentenceEmbedder(study.refine.embedder),
                        study.refine,
                        survey=load_survey(study.simulate.source),
                        concurrency=_in_flight(study, writer, each=1),
                        progress=progress,
                    )
                    seconds["refine"] = time.monotonic() - clock
        held = [talk for talk in load_transcripts(store) if every_talk or talk.id in ids]
    return _result(folder, planned, held, tally, seconds, funnel)


def _to_refine(store: Store, ids: set[str] | None) -> list[Transcript]:
    """Complete talks about a survey question: those of the ids, or all.

    Raises:
        CultureParkError: When there is none, and why.
    """
    complete = load_transcripts(store, status="complete")
    talks = [talk for talk in complete if talk.question is not None and (ids is None or talk.id in ids)]
    if left_out := sum(talk.question is None for talk in complete if ids is None):
        note(f"{left_out} talks about no survey question are left out; import them with --question ID")
    if talks:
        return talks
    if ids is not None and any(talk.question is not None for talk in complete):
        raise CultureParkError(
            f"{store.folder}: no complete talk of the study to refine, only forks, imported talks or an earlier study's; "
            "`culturepark refine --all` reads them"
        )
    if complete:
        raise CultureParkError(
            f"{store.folder}: no complete talk here is about a survey question, so no opinion can be judged or exported; "
            "import the talks with --question ID"
        )
    raise CultureParkError(f"{store.folder}: no complete talk to refine; run `culturepark simulate` first")


def plan(study: Study) -> Planned:
    """Cast and write down a study's talks; sends nothing.

    Raises:
        CultureParkError: For any mistake in the study that can be seen before the first request.
    """
    roster = load_roster([Path(folder) for folder in study.persona_folders])
    survey = load_survey(study.simulate.source)
    models = list(dict.fromkeys(cell.model for cell in study.cells))
    _check_judges(study.refine, talker=models[0])
    for model in map(parse_model, models):
        if not model.talks:
            raise CultureParkError(f"model 'nli:{model.name}' judges pairs of texts and cannot talk; give it as --judge-model")
        # Where models are varied, our own among them have no address.
        check_address(model, _address(study, model) if "model" in study.vary else study.base_url)
    parts: dict[tuple[str, str], Part] = {}
    held = plan_cells(study.cells, roster, survey, seed=study.seed)
    for cell, protocol, _, talks in sorted(held, key=lambda one: models.index(one.cell.model)):
        alike = cell.model, sha256([protocol.name, protocol.args, cell.simulate.sampling])
        known = {talk.id for part in parts.values() for talk in part.talks}
        # A factor that does not touch a talk, such as who sits for another culture, makes no second one.
        new = tuple(talk for talk in talks if talk.id not in known)
        before = parts[alike].talks if alike in parts else ()
        parts[alike] = Part(cell.model, protocol, cell.simulate.sampling, before + new)
    return Planned(
        tuple(parts.values()),
        frozenset(skip for one in held for skip in one.casting.skipped),
        tuple(dict.fromkeys(note for one in held for note in one.casting.notes)),
    )


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
            model = await self._stack.enter_async_context(open_model(spec, base_url=_address(self._study, spec)))
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


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, state saved and servers stopped."""

    def interrupt(_number: int, _frame: object) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _result(
    folder: Path,
    planned: Planned,
    held: Sequence[Transcript],
    tally: Tally,
    seconds: dict[str, float],
    funnel: Funnel | None,
) -> Result:
    turns = [turn for talk in held for turn in talk.turns]
    return Result(
        run=str(folder),
        dialogues=sum(talk.status == "complete" for talk in held),
        failed=tuple(Failure(talk=talk.id, reason=talk.reason or "") for talk in held if talk.status == "failed"),
        skipped=len(planned.skipped),
        notes=planned.notes,
        turns=len(turns),
        flagged=sum(bool(turn.flags) for turn in turns),
        requests_sent=tally.sent,
        requests_cached=tally.cached,
        tokens_in=tally.tokens_in,
        tokens_out=tally.tokens_out,
        tokens_cached=tally.tokens_prefix,
        cost=tally.cost,
        seconds={stage: round(value, 2) for stage, value in seconds.items()},
        peak_memory=_peak_memory(),
        funnel=funnel,
    )


def _peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit
