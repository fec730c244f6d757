"""What an experiment is made of: runs of talks, rows, adapters, measurements. Each is skipped where it is done."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from culturepark import Study
from culturepark import run as run_study
from culturepark.benchmarks import opinions
from culturepark.benchmarks.bench import bench
from culturepark.benchmarks.dialogue.settings import DialogueSettings
from culturepark.benchmarks.dialogue.settings import Measure as Measured
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.likelihood import float_identity
from culturepark.benchmarks.moderation import suite as moderation
from culturepark.benchmarks.suites import DIALOGUE
from culturepark.benchmarks.task import BenchSettings, SuiteResult, load_task
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.budget import known_price
from culturepark.runtime.engines.local import run_to_end
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import sha256
from culturepark.runtime.ledger import Tally
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.progress import show_progress
from culturepark.runtime.record import Record
from culturepark.training.lora_settings import LoraSettings
from culturepark.training.model_card import Provenance
from culturepark.training.row import Row, read_rows, write_rows

STAGES: Final[tuple[Literal["simulate", "refine"], ...]] = ("simulate", "refine")
BASE: Final = "base"
"""The arm that is not trained: the base under the same persona prompt."""
MEASURED: Final = "measured"
MODERATION: Final = "moderation"
"""Suite of that task, and folder of its run."""
ORDERS: Final = 2
"""In which the opinions suite shows the options of a question."""
HELD_BACK: Final = 8
"""One row in so many watches the training."""
QUESTION_TOKENS: Final = 150
ROW_TOKENS: Final = 130
WALKED: Final = 24
"""Talks whose prompts are added up; what more of them would take is in proportion."""
SCRIPTED_JUDGE: Final = "scripted-judge"
"""The scripted model as a reader of what it said itself: it goes by rules, so it flatters nobody."""
BATCH: Final = 8


class Cost(Record):
    """What a step is expected to take."""

    step: str
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float | None = 0.0
    """US dollars, at most; None where no price is known."""
    trained_tokens: int = 0
    """Tokens of rows that go through training on this machine."""


class Talks(NamedTuple):
    """Talks of one study, refined or not."""

    name: str
    study: Study
    refined: bool = True


class Meters(NamedTuple):
    """The dialogue suite on an arm's talks."""

    run: str
    measures: tuple[Measured, ...] = ()

    @property
    def name(self) -> str:
        """For progress."""
        return f"meters of {self.run}"


class Rows(NamedTuple):
    """The training rows of all arms, made together so that all get as many."""

    make: Callable[[], Mapping[str, Sequence[Row]]]
    name: str = "rows"


class Train(NamedTuple):
    """The adapter of an arm."""

    arm: str
    seed: int = 0

    @property
    def name(self) -> str:
        """For progress."""
        return f"adapter {self.arm}, seed {self.seed}"


class Measure(NamedTuple):
    """A suite on the base and on each arm's adapter."""

    arms: tuple[str, ...]
    settings: BenchSettings
    name: str = MEASURED


Step = Talks | Meters | Rows | Train | Measure


def do(step: Step, setup: Setup) -> None:
    """Do a step, or find it done.

    Raises:
        CultureParkError: When it cannot be done, with the smallest change that would make it possible.
        BudgetSpentError: When the budget ended it; what is done is saved.
    """
    match step:
        case Talks():
            _talk(step, setup)
        case Meters():
            _read_meters(step, setup)
        case Rows():
            _make_rows(step, setup)
        case Train():
            _train(step, setup)
        case Measure():
            _measure(step, setup)


def cost(step: Step, setup: Setup) -> Cost:
    """What a step is expected to take; sends nothing."""
    from culturepark.estimate import estimate  # noqa: PLC0415  (of the installed package, above the stages)

    match step:
        case Talks(name=name, study=study, refined=refined):
            whole = study.simulate.talks or 1
            walked = min(whole, WALKED)
            found = run_to_end(estimate(study.sized(walked), refined=refined))
            requests, tokens_in, tokens_out = (
                round(count * whole / walked) for count in (found.requests, found.tokens_in, found.tokens_out)
            )
            asked = (*setup.models, *([setup.size.judge] if refined and setup.size.judge is not None else []))
            money = 0.0 if setup.is_scripted else _money(asked, tokens_in, tokens_out)
            return Cost(step=name, requests=requests, tokens_in=tokens_in, tokens_out=tokens_out, money=money)
        case Meters(run=run, measures=measures):
            # Each measure asks once about every utterance; `near` also once a seat before the talk.
            requests = setup.size.talks * len(measures) * setup.size.utterances
            tokens = requests * QUESTION_TOKENS
            judged = (setup.model, setup.size.judge or setup.model)
            money = 0.0 if setup.is_scripted else _money(judged, tokens, requests)
            return Cost(step=f"meters of {run}", requests=requests, tokens_in=tokens, tokens_out=requests, money=money)
        case Rows():
            return Cost(step=step.name)
        case Train():
            lora = lora_settings(setup)
            rows = lora.max_steps * BATCH if lora.max_steps is not None else int(setup.size.rows * lora.epochs)
            return Cost(step=step.name, trained_tokens=rows * ROW_TOKENS)
        case Measure(arms=arms, settings=settings):
            models = 1 + len(arms) * len(setup.size.seeds)
            questions = asked_of_each(settings, setup) * models * len(settings.languages)
            return Cost(step=step.name, requests=questions, tokens_in=questions * QUESTION_TOKENS)


def _money(models: Sequence[str], tokens_in: int, tokens_out: int) -> float | None:
    """US dollars at most: all tokens at the price of the dearest model; our own cost nothing."""
    hosted = [spec.identity for name in models if (spec := parse_model(name)).kind == "openai"]
    prices = [known_price(identity) for identity in hosted]
    known = [price.of(tokens_in=tokens_in, tokens_cached=0, tokens_out=tokens_out) for price in prices if price]
    return max(known, default=0.0) if len(known) == len(prices) else None


def asked_of_each(settings: BenchSettings, setup: Setup) -> int:
    """Questions that a suite asks of one model in one language, at most."""
    if MODERATION in settings.suites:
        return (setup.size.texts or 0) * len(moderation.VARIANTS)
    return measured_cells(settings) * ORDERS * len(load_task(opinions.__name__).prompts)


def measured_cells(settings: BenchSettings) -> int:
    """Culture and question pairs that the opinions suite measures a model on, at most."""
    survey = load_survey(settings.sets[0] if settings.sets else "wvs7")
    held_out = sum(question.split == "held-out" for question in survey.questions.values())
    cells = held_out * len(settings.cultures or load_roster().delegate_cultures)
    return cells if settings.limit is None else min(cells, settings.limit)


def lora_settings(setup: Setup) -> LoraSettings:
    """How every arm is trained."""
    return LoraSettings(base=setup.size.base, max_steps=setup.size.steps, batch=BATCH, patience=0)


def model_of(setup: Setup, arm: str, seed: int = 0) -> str:
    """An arm's model as after `--model`."""
    base = f"builtin:{setup.size.base}"
    return base if arm == BASE else f"{base}+{setup.adapter(arm, seed)}"


def results(setup: Setup, found: Sequence[SuiteResult], suite: str, seed: int) -> dict[str, SuiteResult]:
    """Results of a suite by arm, of the trainings with a seed; arms that came to the same weights share one."""
    by_identity = {one.identity: one for one in found if one.suite == suite}
    identities = {arm: float_identity(parse_model(model_of(setup, arm, seed))) for arm in (BASE, *setup.arms)}
    return {arm: by_identity[identity] for arm, identity in identities.items() if identity in by_identity}


def _talk(step: Talks, setup: Setup) -> None:
    found = run_study(step.study, setup.run(step.name), stages=STAGES[: 1 + step.refined], show=True)
    if not found.dialogues:
        reason = found.failed[0].reason if found.failed else "none was planned"
        raise CultureParkError(f"{setup.design.name}: no talk of arm {step.name!r} was completed ({reason})")


def _read_meters(step: Meters, setup: Setup) -> None:
    judge = f"openai:{SCRIPTED_JUDGE}" if setup.is_scripted else setup.size.judge
    wanted = BenchSettings(
        suites=(DIALOGUE,), dialogue=DialogueSettings(measures=step.measures, judge=judge if step.measures else None)
    )
    study = setup.study(step.run).model_copy(update={"bench": wanted, "base_url": setup.url})
    run_to_end(bench(study, setup.run(step.run), show=True))


def _make_rows(step: Rows, setup: Setup) -> None:
    made = step.make()
    for arm, rows in made.items():
        if not rows:
            raise CultureParkError(
                f"{setup.design.name}: arm {arm!r} has no rows to train on; hold more talks (--talks above "
                f"{setup.size.talks})"
            )
    (setup.folder / "rows").mkdir(exist_ok=True)
    for arm, rows in made.items():
        write_rows(setup.rows(arm), rows)


def _train(step: Train, setup: Setup) -> None:
    from culturepark.training.local import train_adapter  # noqa: PLC0415  (needs the extra `train`)

    rows, watched = held_back(read_rows(setup.rows(step.arm)))
    with show_progress(Tally()) as progress:
        train_adapter(
            rows, watched, lora_settings(setup), setup.adapter(step.arm, step.seed),
            seed=step.seed, provenance=Provenance(run=setup.design.name, mode=step.arm), progress=progress,
        )  # fmt: skip


def _measure(step: Measure, setup: Setup) -> None:
    models = [model_of(setup, BASE), *(model_of(setup, arm, seed) for arm in step.arms for seed in setup.size.seeds)]
    trained_on = tuple(str(setup.rows(arm)) for arm in step.arms)
    settings = step.settings.model_copy(
        update={"models": tuple(models), "baseline": models[0], "scoring": "likelihood", "trained_on": trained_on}
    )
    study = setup.study(step.name).model_copy(update={"bench": settings, "base_url": None})
    found = run_to_end(bench(study, setup.run(step.name), show=True))
    if not found.results:
        raise CultureParkError(f"{setup.design.name}: nothing was measured: {found.problems[0]}")


def held_back(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows to train on, and those that only watch: one in eight, by hash."""
    order = sorted(rows, key=lambda row: sha256(["held back", row.id]))
    watching = max(1, len(order) // HELD_BACK)
    return order[watching:], order[:watching]


def pick(rows: Sequence[Row], count: int, *, seed: int) -> list[Row]:
    """Draw so many rows by hash, a row as often as it counts; one that is drawn twice counts twice."""
    drawn = [(sha256([seed, row.id, number]), row) for row in rows for number in range(row.weight)]
    taken = Counter(row.id for _, row in sorted(drawn, key=lambda one: one[0])[:count])
    return [row.model_copy(update={"weight": taken[row.id]}) for row in rows if row.id in taken]


def counted(rows: Sequence[Row]) -> int:
    """Rows, each as often as it counts."""
    return sum(row.weight for row in rows)
