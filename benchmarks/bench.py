"""Running suites on models, or on a run's talks: one model open at a time, each result stored at once."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, nullcontext
from pathlib import Path

from culturepark import Study
from culturepark.benchmarks.asking import Asker
from culturepark.benchmarks.dialogue import suite as dialogue
from culturepark.benchmarks.likelihood import LikelihoodModel, refuse_endpoint
from culturepark.benchmarks.results import load_results, save_result
from culturepark.benchmarks.signatures import Check, Evidence, check_run
from culturepark.benchmarks.suites import DIALOGUE, SUITES, Suite, chosen_suites
from culturepark.benchmarks.talks import load_talks
from culturepark.benchmarks.task import BenchSettings, Scoring, SuiteResult, Table
from culturepark.postprocess.tables import load_funnel, load_opinions, load_samples
from culturepark.runtime.budget import Budget
from culturepark.runtime.console import note, silent
from culturepark.runtime.errors import BudgetSpentError, CultureParkError, EndpointDownError
from culturepark.runtime.ledger import Ledger, Tally, spent_before
from culturepark.runtime.models.opening import check_address, open_model
from culturepark.runtime.models.spec import ModelSpec, parse_model
from culturepark.runtime.progress import Reporter, Silent, show_progress
from culturepark.runtime.record import Record
from culturepark.runtime.request import Model
from culturepark.runtime.store import Store, only_writer, open_store
from culturepark.training.saved import ROWS, TRAINING, VALIDATION

MakeLedger = Callable[[Model], Ledger]


class Bench(Record):
    """What a call found out."""

    run: str
    results: tuple[SuiteResult, ...]
    comparisons: dict[str, tuple[Table, ...]]
    """By suite, what is said of several models together."""
    problems: tuple[str, ...]
    """Each in one line, of suites that came to nothing and of parts that did."""
    requests_sent: int
    requests_cached: int
    cost: float | None
    checks: tuple[Check, ...] = ()
    """Of a run that is reported: the method's known ways to fail, and how the run stands against them."""


async def bench(study: Study, folder: Path, *, store_url: str | None = None, show: bool = False) -> Bench:
    """Run the suites of `study.bench` on its models and keep the results in a run folder, which may be new.

    A model that was asked already is not asked again. A suite or a part of it that cannot be measured is a problem
    in the result, and the others go on.

    Raises:
        CultureParkError: For an unknown suite or model, or an endpoint that cannot be used.
        BudgetSpentError: When the budget ended the run; what is done is saved.
    """
    settings = _with_rows(study.bench, folder)
    suites, talks = chosen_suites(settings.suites)
    if not suites and not talks:
        raise CultureParkError(f"no suite is named; write one or more of {', '.join((*SUITES, DIALOGUE))}, or all")
    if talks:
        open_store(folder, url=store_url, create=False).close()
    names = bench_models(study) if suites else []
    specs = [_checked(name, study) for name in names]
    results: list[SuiteResult] = []
    problems: list[str] = []
    with only_writer(folder), closing(open_store(folder, url=store_url)) as store:
        tally = Tally()
        budget = Budget(study.budget, spent=spent_before(store))

        def make_ledger(model: Model) -> Ledger:
            return Ledger(store, model, budget=budget, limits=study.limits, tally=tally, tell=note if show else silent)

        # Before anything is sent, so that a mistake costs nothing.
        plans = dialogue.prepare(store, study, folder) if talks else None
        with show_progress(tally) if show else nullcontext(Silent()) as progress:
            if plans is not None:
                for result in await dialogue.run(plans, store, study, make_ledger=make_ledger, progress=progress):
                    save_result(store, result)
                    results.append(result)
            for place, (name, spec) in enumerate(zip(names, specs, strict=True)):
                async with _open_asker(name, spec, study, make_ledger, progress) as asker:
                    for suite_name, suite in suites.items():
                        one = await _run(suite, asker, settings, problems, what=f"{suite_name}, {name}")
                        if one is not None:
                            save_result(store, one, place=place)
                            results.append(one)
        return Bench(
            run=str(folder),
            results=tuple(results),
            comparisons=compare_models(results),
            problems=(*problems, *(problem for result in results for problem in result.problems)),
            requests_sent=tally.sent,
            requests_cached=tally.cached,
            cost=tally.cost,
        )


def stored(store: Store, *, place: str) -> Bench:
    """What a run's folder holds, from however many calls, and how its talks stand against the failure signatures.

    Raises:
        CultureParkError: When no suite was run in it, and no talk held.
    """
    results = load_results(store)
    talks = load_talks(store)
    if not results and not talks.held:
        raise CultureParkError(f"{place}: no suite was run here; `culturepark bench moderation --run {place}` runs one")
    compared = compare_models(results)
    evidence = Evidence(talks, load_opinions(store), load_samples(store), load_funnel(store), results, compared)
    return Bench(
        run=place,
        results=tuple(results),
        comparisons=compared,
        checks=check_run(evidence),
        problems=tuple(problem for result in results for problem in result.problems),
        requests_sent=0,
        requests_cached=0,
        cost=None,
    )


def bench_models(study: Study) -> list[str]:
    """The models that are measured, the baseline first, each once."""
    baseline = [study.bench.baseline] if study.bench.baseline is not None else []
    return list(dict.fromkeys([*baseline, *(study.bench.models or (study.model,))]))


def compare_models(results: Sequence[SuiteResult]) -> dict[str, tuple[Table, ...]]:
    """What each suite says of the models it was run on."""
    found: dict[str, tuple[Table, ...]] = {}
    for name, suite in SUITES.items():
        own = [result for result in results if result.suite == name]
        if len(own) > 1 and (tables := suite.compare(own, own[-1].settings)):
            found[name] = tables
    return found


async def _run(
    suite: Suite, asker: Asker, settings: BenchSettings, problems: list[str], *, what: str
) -> SuiteResult | None:
    try:
        return await suite.run(asker, settings)
    except (BudgetSpentError, EndpointDownError):
        raise
    except CultureParkError as error:
        problems.append(f"{what}: {error}")
        return None


def _with_rows(settings: BenchSettings, folder: Path) -> BenchSettings:
    """The settings with the rows that the run itself trained models on."""
    own = [str(path) for name in (ROWS, VALIDATION) for path in sorted((folder / TRAINING).glob(f"*/{name}"))]
    return settings.model_copy(update={"trained_on": tuple(dict.fromkeys([*settings.trained_on, *own]))})


def _checked(name: str, study: Study) -> ModelSpec:
    """A model's spec, refused before anything is made where it cannot be measured."""
    spec = parse_model(name)
    if not spec.talks:
        raise CultureParkError(f"model {name!r} judges pairs of texts and cannot be asked; name one that talks")
    check_address(spec, study.base_url if spec.kind == "openai" else None)
    if study.bench.scoring == "likelihood":
        refuse_endpoint(spec)
    return spec


@asynccontextmanager
async def _open_asker(
    name: str, spec: ModelSpec, study: Study, make_ledger: MakeLedger, progress: Reporter
) -> AsyncIterator[Asker]:
    """An asker whose models are opened when they are first needed, and closed with it."""
    scoring = study.bench.scoring
    async with AsyncExitStack() as stack:
        ledgers: dict[Scoring, Ledger] = {}
        likelihood = LikelihoodModel(spec) if scoring == "likelihood" else None

        async def ledger(way: Scoring) -> Ledger:
            if way not in ledgers:
                if way == "likelihood":
                    assert likelihood is not None
                    stack.push_async_callback(likelihood.close)
                    ledgers[way] = make_ledger(likelihood)
                else:
                    address = study.base_url if spec.kind == "openai" else None
                    opened = await stack.enter_async_context(
                        open_model(spec, base_url=address, timeout=study.limits.timeout)
                    )
                    ledgers[way] = make_ledger(opened.endpoint)
            return ledgers[way]

        yield Asker(
            ledger,
            scoring=scoring,
            model=name,
            identity=likelihood.identity if likelihood is not None else spec.identity,
            seed=study.seed,
            concurrency=study.bench.concurrency,
            progress=progress,
        )
