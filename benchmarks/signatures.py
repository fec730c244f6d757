"""Failure signatures: the ways in which the method is known to fail, looked for in whatever a run holds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from statistics import fmean
from typing import Final, Literal, NamedTuple

from culturepark.benchmarks.dialogue.summary import CONVERGED, CONVERGENCE, EXAGGERATION, JUDGE, TOLD_APART
from culturepark.benchmarks.opinions.scoring import diagonal_wins
from culturepark.benchmarks.opinions.suite import MATRIX
from culturepark.benchmarks.pairing import GAIN
from culturepark.benchmarks.suites import DIALOGUE
from culturepark.benchmarks.talk_metrics import self_repetition
from culturepark.benchmarks.talks import RunTalks
from culturepark.benchmarks.task import SuiteResult, Table
from culturepark.personas.question import Side
from culturepark.personas.roster import load_roster
from culturepark.postprocess.funnel import Funnel
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.runtime.record import Record, build, parse_yaml
from culturepark.simulation.checks import copies

Status = Literal["ok", "warn", "fail", "not measured"]
MOST_TALKS: Final = 8
"""Talks named with a check, the worst first."""


class Signature(Record):
    """A check of `signatures.yaml`."""

    title: str
    measures: str
    warn: float | None = None
    fail: float | None = None
    least: int
    """How many things have to be looked at before anything is said."""
    unit: str
    """What is looked at."""
    reason: str
    remedy: str
    individuated: float | None = None
    """Caricature: share of utterances told apart from which exaggeration counts."""
    before_turn: int | None = None
    """Convergence: index of the first turn that is not early."""
    judge: float | None = None
    """Convergence: share of plainly said stances that the judge has to put on their side of the scale."""
    alpha: float | None = None
    """Diagonal: level of the permutation test."""


class Check(Record):
    """How a run stands against one signature."""

    name: str
    title: str
    status: Status
    value: float | None
    n: int
    """How many things were looked at."""
    unit: str
    says: str
    """What was found and against what, or what would measure it, in one line."""
    remedy: str
    """What to do about it; empty when all is well."""
    talks: tuple[str, ...] = ()
    """Ids of the talks that show it most."""


class Evidence(NamedTuple):
    """What a run holds."""

    talks: RunTalks
    opinions: Sequence[Opinion]
    samples: Sequence[Sample]
    funnel: Funnel | None
    results: Sequence[SuiteResult]
    comparisons: Mapping[str, Sequence[Table]]


def check_run(run: Evidence) -> tuple[Check, ...]:
    """Look for every signature, in the order of the file."""
    looks = {
        "self_repetition": _self_repetition,
        "caricature": _caricature,
        "early_convergence": _early_convergence,
        "copied_stance": _copied_stance,
        "removed": _removed,
        "no_gain": _no_gain,
        "diagonal": _diagonal,
    }
    return tuple(looks[name](name, signature, run) for name, signature in signatures().items())


@lru_cache(maxsize=1)
def signatures() -> Mapping[str, Signature]:
    """The checks and their thresholds, by name."""
    place = "signatures.yaml"
    table = parse_yaml((files(__package__) / place).read_text(encoding="utf-8"), place=place)
    return {name: build(Signature, entry, place=f"{place}, {name}") for name, entry in table.items()}


def _self_repetition(name: str, signature: Signature, run: Evidence) -> Check:
    found = {one.talk.id: value for one in run.talks.held if (value := self_repetition(one)) is not None}
    if len(found) < signature.least:
        return _unmeasured(name, signature, len(found), "hold more talks with `culturepark simulate`")
    return _by_threshold(name, signature, fmean(found.values()), len(found), _worst(found, signature.warn))


def _caricature(name: str, signature: Signature, run: Evidence) -> Check:
    own = _items(run.results, EXAGGERATION)
    told = _items(run.results, TOLD_APART)
    talks = {one.talk.id: one.talk for one in run.talks.held}
    n = sum(
        talks[talk].seat(turn.speaker).role == "delegate" for talk in own if talk in talks for turn in talks[talk].turns
    )
    if n < signature.least:
        return _unmeasured(name, signature, n, _RUN_DIALOGUE)
    assert signature.individuated is not None
    apart = fmean(told.values()) if told else None
    said = "there is nothing to tell them from" if apart is None else f"{apart:.0%} of the utterances are told apart"
    if apart is not None and apart < signature.individuated:
        value = fmean(own.values())
        return _check(name, signature, "ok", value, n, f"{value:.2f} on the way to the persona, but only {said}")
    return _by_threshold(name, signature, fmean(own.values()), n, _worst(own, signature.warn), more=said)


def _early_convergence(name: str, signature: Signature, run: Evidence) -> Check:
    apart, turns = _items(run.results, CONVERGED), _items(run.results, CONVERGENCE)
    if len(apart) < signature.least:
        more = "" if not apart else " on talks of people with different stances (`--pair conflict`)"
        return _unmeasured(name, signature, len(apart), f"{_RUN_DIALOGUE}{more}")
    assert signature.before_turn is not None
    assert signature.judge is not None
    if (hears := _judge_hears(run.results)) is not None and hears < signature.judge:
        return _check(
            name, signature, "not measured", None, len(apart),
            f"the judge puts only {hears:.0%} of plainly said stances on their side, {signature.judge:.0%} are needed: "
            "name another --judge-model",
        )  # fmt: skip
    early = {talk: -turn for talk, turn in turns.items() if turn < signature.before_turn}
    return _by_threshold(name, signature, len(early) / len(apart), len(apart), _worst(early, None))


def _copied_stance(name: str, signature: Signature, run: Evidence) -> Check:
    with_stance = [sample for sample in run.samples if sample.stance is not None]
    if len(with_stance) < signature.least:
        return _unmeasured(name, signature, len(with_stance), _REFINE)
    copied = [sample for sample in with_stance if is_copy(sample)]
    by_talk: dict[str, float] = defaultdict(float)
    for sample in copied:
        by_talk[sample.talk] += 1
    return _by_threshold(name, signature, len(copied) / len(with_stance), len(with_stance), _worst(by_talk, None))


def is_copy(sample: Sample) -> bool:
    """Whether a sample is the sentence its speaker was told, all but word for word."""
    stance = sample.stance
    return stance is not None and any(copies(sample.text, told) for told in (stance.words, stance.told) if told)


def _removed(name: str, signature: Signature, run: Evidence) -> Check:
    if run.funnel is None or run.funnel.extracted < signature.least:
        return _unmeasured(name, signature, run.funnel.extracted if run.funnel else 0, _REFINE)
    lost = lost_stances(run.opinions, run.samples)
    share = 1 - run.funnel.samples / run.funnel.extracted
    if lost:
        where = ", ".join(f"{culture} {side} on {question}" for culture, question, side in lost)
        talks = [one.talk for one in run.opinions if _cell(one) in lost and one.is_verified]
        return _check(
            name, signature, "fail", share, run.funnel.extracted,
            f"verified, and no sample is left: {where}; {share:.0%} removed", talks,
        )  # fmt: skip
    reasons = sorted(run.funnel.dropped.items(), key=lambda one: -one[1])[:3]
    more = ", ".join(f"{reason} {count}" for reason, count in reasons)
    return _by_threshold(name, signature, share, run.funnel.extracted, (), more=more)


def lost_stances(opinions: Iterable[Opinion], samples: Iterable[Sample]) -> list[tuple[str, str, Side]]:
    """Culture, question and side of the scale that have verified opinions and no sample."""
    verified = {_cell(one) for one in opinions if one.is_verified and one.stance is not None}
    kept = {(one.culture, one.question, one.stance.side) for one in samples if one.stance is not None}
    return sorted(cell for cell in verified - kept if cell is not None)


def _no_gain(name: str, signature: Signature, run: Evidence) -> Check:
    gains = [
        (suite, str(row[0]), float(row[1]), row[2], int(row[4]))
        for suite, tables in run.comparisons.items()
        for table in tables
        if table.title.startswith(GAIN) and table.columns[1] == "value"
        for row in table.rows
        if isinstance(row[1], int | float) and isinstance(row[4], int) and row[4] >= signature.least
    ]
    if not gains:
        return _unmeasured(
            name, signature, 0, "`culturepark bench opinions --model MODEL+ADAPTER --baseline MODEL` measures it"
        )
    suite, model, gain, low, n = max(gains, key=lambda one: one[2])
    found = f"best is {model} in {suite}: {gain:+.3g}"
    if gain <= 0:
        return _check(name, signature, "fail", gain, n, found)
    sure = isinstance(low, int | float) and low > 0
    says = found if sure else f"{found}, with 0 in its 95 % interval"
    return _check(name, signature, "ok" if sure else "warn", gain, n, says)


def _diagonal(name: str, signature: Signature, run: Evidence) -> Check:
    homes = {culture.id: culture.country for culture in load_roster().cultures.values()}
    found = [
        (result.model, won)
        for result in run.results
        for table in result.tables
        if table.title.startswith(MATRIX) and (won := diagonal_wins(_near(table), homes)) is not None
    ]
    if not found:
        return _unmeasured(name, signature, 0, "`culturepark bench opinions --model MODEL` measures it")
    model, (wins, size, p) = max(found, key=lambda one: (-one[1][2], one[1][0]))
    says = f"{model}: {wins:.3g} of {size} countries, chance is 1; exact permutation p = {p:.3g}"
    assert signature.alpha is not None
    status: Status = "fail" if wins <= 1 + 1e-9 else "ok" if p <= signature.alpha else "warn"
    return _check(name, signature, status, wins / size, size, says)


def _near(table: Table) -> dict[tuple[str, str], float]:
    return {
        (str(row[0]), country): float(value)
        for row in table.rows
        for country, value in zip(table.columns[1:], row[1:], strict=True)
        if isinstance(value, int | float)
    }


def _items(results: Iterable[SuiteResult], measure: str) -> dict[str, float]:
    """A measure of the dialogue suite by talk."""
    return {
        item.id.removeprefix(f"{measure}/"): item.value
        for result in results
        if result.suite == DIALOGUE
        for item in result.items
        if item.id.startswith(f"{measure}/") and item.value is not None
    }


def _judge_hears(results: Iterable[SuiteResult]) -> float | None:
    """The worst of the judges' controls."""
    scores = [one for result in results if result.suite == DIALOGUE for one in result.scores if one.name == JUDGE]
    return min((one.value for one in scores if one.value is not None), default=None)


def _cell(opinion: Opinion) -> tuple[str, str, Side] | None:
    return None if opinion.stance is None else (opinion.culture, opinion.question, opinion.stance.side)


def _worst(values: Mapping[str, float], least: float | None) -> list[str]:
    """Talks from the highest value down, those below `least` left out."""
    return [
        talk
        for talk, value in sorted(values.items(), key=lambda one: (-one[1], one[0]))
        if least is None or value >= least
    ]


def _by_threshold(
    name: str, signature: Signature, value: float, n: int, talks: Sequence[str], *, more: str = ""
) -> Check:
    warn, fail = signature.warn, signature.fail
    assert warn is not None
    assert fail is not None
    status: Status = "fail" if value >= fail else "warn" if value >= warn else "ok"
    said = f"{value:.2f}, a warning from {warn:g} and a failure from {fail:g} on"
    return _check(name, signature, status, value, n, f"{said}; {more}" if more else said, talks)


def _check(
    name: str, signature: Signature, status: Status, value: float | None, n: int, says: str, talks: Sequence[str] = ()
) -> Check:
    bad = status in {"warn", "fail"}
    return Check(
        name=name,
        title=signature.title,
        status=status,
        value=value,
        n=n,
        unit=signature.unit,
        says=says,
        remedy=signature.remedy if bad else "",
        talks=tuple(dict.fromkeys(talks))[:MOST_TALKS] if bad else (),
    )


def _unmeasured(name: str, signature: Signature, n: int, how: str) -> Check:
    says = f"{n} {signature.unit}, {signature.least} are needed: {how}"
    return _check(name, signature, "not measured", None, n, says)


_RUN_DIALOGUE: Final = "`culturepark bench dialogue --run RUN --judge-model MODEL` measures it"
_REFINE: Final = "`culturepark refine` makes samples"
