"""Running an experiment: register its claim, do its steps, decide, report. The same call goes on where it stopped."""

import json
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from culturepark.benchmarks.experiments.design import Design
from culturepark.benchmarks.experiments.scripted_server import serving_scripted
from culturepark.benchmarks.experiments.setup import Options, Setup, make_setup
from culturepark.benchmarks.experiments.steps import Cost, Step, cost, do
from culturepark.benchmarks.experiments.verdict import Check, Contrast, Verdict, judge
from culturepark.benchmarks.task import Table
from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.record import Record, build, read_yaml
from culturepark.runtime.whole_file import whole_file

REGISTRATION: Final = "registration.json"


class Finding(Record):
    """What an experiment's data say of a further claim, before its verdict."""

    primary: Contrast
    checks: tuple[Check, ...] = ()


class Analysis(Record):
    """What an experiment's data say, before the verdict."""

    primary: Contrast
    further: dict[str, Finding] = {}
    """By task, as the design names them."""
    secondary: tuple[Contrast, ...] = ()
    checks: tuple[Check, ...] = ()
    n: dict[str, int]
    """Talks, or what else is counted, by arm."""
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


class Experiment(NamedTuple):
    """The two functions beside a design's YAML."""

    plan: Callable[[Setup], tuple[Step, ...]]
    """What is to be done, for the size and options of the setup; sends nothing. Refuses what cannot work."""
    analyse: Callable[[Setup], Analysis]
    """Reads the runs and decides nothing."""
    judged: bool = False
    """Whether a model judges what another said: then it must not be the same."""


class Registration(Record):
    """Written into an experiment's folder before its first request."""

    design: str
    version: int
    sha256: str
    """Of everything in the design but its sizes."""
    size: dict[str, object]
    """As resolved, options in place."""
    seed: int


class Report(Record):
    """What an experiment found: `report.json`."""

    design: Design
    sha256: str
    options: Options
    size: dict[str, object]
    model: str
    scripted: bool
    verdict: Verdict
    further: dict[str, Verdict] = {}
    """Verdicts of the further claims, by task."""
    analysis: Analysis
    command: str
    """That makes this report again."""
    full_command: str
    full_cost: tuple[Cost, ...]
    """What the full size would take with the model of `full_command`."""


def prepare(
    experiment: Experiment, design: Design, options: Options, folder: Path, *, imagined: bool = False
) -> tuple[Setup, tuple[Step, ...]]:
    """Put a setup together and plan it; nothing is sent.

    With `imagined`, what a user has yet to give is taken as given.

    Raises:
        CultureParkError: For anything that can be seen to be wrong before the first request.
    """
    setup = make_setup(design, options, folder)._replace(imagined=imagined)
    if experiment.judged and not setup.is_scripted:
        _refuse_own_judge(setup)
    least = design.test.fewest_pairs
    for name, given in (("talks", setup.size.talks), ("cells", setup.size.cells), ("texts", setup.size.texts)):
        if given is not None and given < least:
            raise CultureParkError(
                f"{design.name}: {given} {name} are too few for the test, which takes {least} pairs; add --{name} "
                f"{least}"
            )
    return setup, experiment.plan(setup)


class Found(NamedTuple):
    """What a run of an experiment came to."""

    setup: Setup
    analysis: Analysis
    verdict: Verdict
    further: dict[str, Verdict]


def run(experiment: Experiment, design: Design, options: Options, folder: Path) -> Found:
    """Do an experiment, or what is left of it.

    Raises:
        CultureParkError: As `prepare`, and for a folder in which another claim or other settings were registered.
        BudgetSpentError: When the budget ended it; what is done is saved.
    """
    setup, steps = prepare(experiment, design, options, folder)
    register(setup)
    with _talking(setup) as ready:
        steps = experiment.plan(ready)
        for place, step in enumerate(_timed(steps), start=1):
            note(f"step {place} of {len(steps)}: {step.name}")
            do(step, ready)
        analysis = experiment.analyse(ready)
    further = {
        task: judge(one.primary, design.further[task].test, (*analysis.checks, *one.checks))
        for task, one in analysis.further.items()
    }
    return Found(setup, analysis, judge(analysis.primary, design.test, analysis.checks), further)


def make_report(experiment: Experiment, found: Found, options: Options, *, run: Path | None) -> Report:
    """Put a report together; `run` is the folder as it was named on the command line, if it was."""
    setup = found.setup
    full = planned = options
    if options.size == "small":
        full = _at_full_size(options)
        planned = full.model_copy(update={"data": None})  # which need not hold what the full size reads
    with TemporaryDirectory() as nowhere:
        full_setup, steps = prepare(experiment, setup.design, planned, Path(nowhere), imagined=True)
        expected = costs(steps, full_setup)
    asked = {name: value for name, value in setup.design.needs.items() if getattr(full, name) is None}
    return Report(
        design=setup.design,
        sha256=setup.design.sha256,
        options=options,
        size=setup.size.model_dump(mode="json"),
        model=setup.model,
        scripted=setup.is_scripted,
        verdict=found.verdict,
        further=found.further,
        analysis=found.analysis,
        command=command(setup.design.name, options, run=run),
        full_command=command(setup.design.name, full.model_copy(update=asked), run=None),
        full_cost=expected,
    )


def command(name: str, options: Options, *, run: Path | None) -> str:
    """The command line of an experiment with these options."""
    flags: dict[str, object] = {
        "--model": options.model,
        "--base-url": options.base_url,
        "--judge-model": options.judge,
        "--base": options.base,
        "--culture": ",".join(options.cultures) or None,
        "--talks": options.talks,
        "--rows": options.rows,
        "--steps": options.steps,
        "--cells": options.cells,
        "--texts": options.texts,
        "--seeds": ",".join(map(str, options.seeds)) or None,
        "--data": options.data,
        "--survey": options.survey,
        "--seed": options.seed or None,
        "--budget": options.budget,
        "--run": run,
    }
    parts = ["culturepark", "experiments", "run", name, *(["--small"] if options.size == "small" else [])]
    parts += [part for flag, value in flags.items() if value is not None for part in (flag, str(value))]
    return shlex.join(parts)


def _at_full_size(options: Options) -> Options:
    """The full size with the user's files and seed, and with its own models and numbers."""
    return Options(size="full", data=options.data, survey=options.survey, seed=options.seed)


def costs(steps: Sequence[Step], setup: Setup) -> tuple[Cost, ...]:
    """What each step is expected to take; sends nothing."""
    return tuple(cost(step, setup) for step in steps)


def register(setup: Setup) -> None:
    """Write down what is claimed and how it is tested, or hold the folder's registration against it.

    Raises:
        CultureParkError: When the folder was begun with another design or other settings.
    """
    mine = Registration(
        design=setup.design.name,
        version=setup.design.version,
        sha256=setup.design.sha256,
        size=setup.size.model_dump(mode="json"),
        seed=setup.options.seed,
    )
    path = setup.folder / REGISTRATION
    if not path.exists():
        try:
            setup.folder.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as partial:
                partial.write_text(json.dumps(mine.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise CultureParkError(
                f"{setup.folder}: cannot be written ({error.strerror}); name another --run"
            ) from None
        return
    theirs = build(Registration, read_yaml(path), place=str(path))
    if (theirs.design, theirs.version, theirs.sha256) != (mine.design, mine.version, mine.sha256):
        raise CultureParkError(
            f"{setup.folder}: begun for {theirs.design} version {theirs.version} ({theirs.sha256[:12]}), and this is "
            f"{mine.design} version {mine.version} ({mine.sha256[:12]}): a claim is not changed after its data; name "
            "another --run"
        )
    changed = [name for name, value in mine.size.items() if theirs.size.get(name) != value]
    changed += ["seed"] if theirs.seed != mine.seed else []
    if changed:
        name = changed[0]
        before, now = (theirs.seed, mine.seed) if name == "seed" else (theirs.size.get(name), mine.size[name])
        raise CultureParkError(
            f"{setup.folder}: begun with {name} {before!r}, and now it is {now!r}: data are not added to until a test "
            "is passed; name another --run"
        )


@contextmanager
def _talking(setup: Setup) -> Iterator[Setup]:
    """The setup with the scripted model's address, where that is who talks."""
    if not setup.is_scripted:
        yield setup
        return
    with serving_scripted() as url:
        yield setup._replace(url=url)


def _timed(steps: Sequence[Step]) -> Iterator[Step]:
    """Steps one by one; says what each took, and what that makes of the rest."""
    began = time.monotonic()
    for place, step in enumerate(steps, start=1):
        clock = time.monotonic()
        yield step
        took, whole = time.monotonic() - clock, time.monotonic() - began
        left = f"; about {whole / place * (len(steps) - place):.0f} s left" if place < len(steps) else ""
        note(f"{step.name}: {took:.0f} s{left}")


def _refuse_own_judge(setup: Setup) -> None:
    """A model that judges what it said itself finds itself convincing."""
    talker = parse_model(setup.model)
    judge_ = None if setup.size.judge is None else parse_model(setup.size.judge)
    if judge_ is None or judge_.identity == talker.identity:
        raise CultureParkError(
            f"{setup.design.name}: the judge would be the model that talks ({setup.model}); add --judge-model with "
            "another one"
        )
