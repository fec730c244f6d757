"""The main job: survey answers to talks to samples, one stage after the other, resumable everywhere."""

import asyncio
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from culturepark.personas import Casting, cast_talks, load_roster, load_survey
from culturepark.postprocess.funnel import Funnel
from culturepark.postprocess.refine import refine
from culturepark.protocols import LoadedProtocol, load_protocol
from culturepark.runtime.budget import Budget
from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Ledger, Tally, spent_before
from culturepark.runtime.models.embedders import SentenceEmbedder
from culturepark.runtime.models.opening import OpenModel, check_address, open_model
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.progress import Reporter, Silent, show_progress
from culturepark.runtime.record import Record
from culturepark.runtime.store import Store, only_writer, open_store
from culturepark.simulation import Transcript, load_transcripts, plan_talks, simulate
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


class Planned(NamedTuple):
    """A study's talks, before anything is sent."""

    casting: Casting
    talks: tuple[Transcript, ...]
    protocol: LoadedProtocol


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
        with show_progress(tally) if show else _silent() as progress:
            clock = time.monotonic()
            async with _model(study, study.model) as talker:
                ledger = Ledger(store, talker.endpoint, budget=budget, limits=study.limits, tally=tally)
                if "simulate" in stages:
                    seats = max(len(talk.seats) for talk in planned.talks)
                    await simulate(
                        store,
                        ledger,
                        planned.talks,
                        planned.protocol.protocol,
                        sampling=study.simulate.sampling,
                        concurrency=_in_flight(study, talker, each=seats),
                        progress=progress,
                    )
                    seconds["simulate"] = time.monotonic() - clock
                if "refine" in stages:
                    clock = time.monotonic()
                    talks = _to_refine(store, None if every_talk else ids)
                    async with _judge(study, ledger, store, budget, tally) as (judge, opened):
                        funnel = await refine(
                            store,
                            judge,
                            talks,
                            SentenceEmbedder(study.refine.embedder),
                            study.refine,
                            concurrency=_in_flight(study, opened or talker, each=1),
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
    protocol = load_protocol(study.simulate.protocol, study.simulate.protocol_args)
    model = parse_model(study.model)
    check_address(model, study.base_url)
    if study.refine.judge is not None:
        parse_model(study.refine.judge)
    roster = load_roster([Path(folder) for folder in study.persona_folders])
    casting = cast_talks(study.simulate, roster, load_survey(study.simulate.source), seed=study.seed)
    talks = plan_talks(casting.talks, study.simulate, protocol, model=model.identity, seed=study.seed)
    return Planned(casting, talks, protocol)


def default_folder(study: Study) -> Path:
    """Where a study's run lies unless told otherwise."""
    return Path("runs") / study.name


@asynccontextmanager
async def _model(study: Study, name: str) -> AsyncIterator[OpenModel]:
    async with open_model(parse_model(name), base_url=study.base_url) as opened:
        yield opened


@asynccontextmanager
async def _judge(
    study: Study, ledger: Ledger, store: Store, budget: Budget, tally: Tally
) -> AsyncIterator[tuple[Ledger, OpenModel | None]]:
    """The judge's ledger: the talking model's own, or a second model's with the same budget."""
    if study.refine.judge is None or study.refine.judge == study.model:
        yield ledger, None
        return
    async with _model(study, study.refine.judge) as opened:
        yield Ledger(store, opened.endpoint, budget=budget, limits=study.limits, tally=tally), opened


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
        skipped=len(planned.casting.skipped),
        notes=planned.casting.notes,
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
