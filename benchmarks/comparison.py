"""Two values of one factor, seed by seed: only talks that differ in nothing else are compared."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from culturepark.benchmarks.statistics import (
    Interval,
    holm,
    paired_interval,
    sign_flip_p,
    smallest_detectable,
    smallest_p,
)
from culturepark.benchmarks.talk_metrics import Held, measure
from culturepark.benchmarks.talks import LANGUAGE_PARTS, RunTalks, parts
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.hashing import canonical, sha256
from culturepark.runtime.record import Record
from culturepark.simulation.transcript import Transcript

SEED = 0


class Row(Record):
    """One metric of one value against the baseline."""

    metric: str
    value: str
    baseline: str
    pairs: int
    """Pairs in which the metric is defined on both sides."""
    questions: int
    """Distinct questions of these pairs: the units of interval and p value."""
    mean: float | None
    mean_baseline: float | None
    difference: float | None
    """Mean of value minus baseline over the pairs."""
    interval: Interval | None
    """95 % bootstrap interval of the difference, clustered by question."""
    p: float | None
    p_holm: float | None
    """Corrected for all rows of the comparison."""
    smallest_detectable: float | None
    """True difference that would be found in 80 of 100 repetitions at this spread and size."""


class Comparison(Record):
    """What a factor does to the metrics of a run."""

    by: str
    rows: tuple[Row, ...]
    talks: int
    """Complete talks of the study."""
    unpaired: int
    """Of these, talks without a partner that differs in the factor only."""
    forks: int
    unfinished: int
    notes: tuple[str, ...]


class Factor(NamedTuple):
    """What a factor may change in a talk, and what its values are called."""

    parts: frozenset[str]
    names: Callable[[Transcript], list[tuple[str, ...]]]
    """For each place that has a value (each seat, or the talk as a whole) its names, from the shortest to one that
    no other value has."""


def compare(
    run: RunTalks, by: str, *, metrics: Sequence[str], baseline: str | None = None, place: str = "the run"
) -> Comparison:
    """Pair a run's talks and compare each value of a factor with the baseline.

    Args:
        run: As `load_talks` reads it.
        by: `protocol`, `persona`, `model`, `language`, or any other factor that the study varied.
        metrics: Names in `METRICS`.
        baseline: A value; the one in most pairs by default, of equals the first in the run.
        place: What errors call the run.

    Raises:
        CultureParkError: When nothing can be compared, with how to make it so.
    """
    groups, unpaired = _paired_talks(run.held, by, place=place)
    values = Counter(value for group in groups for value in group)
    if baseline is not None and baseline not in values:
        raise unknown(f"value of {by}", baseline, values, place="--baseline")
    measured = {held.talk.id: measure(held, metrics) for group in groups for held in group.values()}
    rows: list[Row] = []
    notes = _notes(run, groups, metrics)
    for tabled in _tables(groups, by):
        counts = Counter(value for group in tabled for value in group)
        reference = baseline if baseline is not None and baseline in counts else counts.most_common(1)[0][0]
        for value in counts:
            pairs = [(group[value], group[reference]) for group in tabled if {value, reference} <= group.keys()]
            if value != reference and pairs:
                rows += [_row(metric, value, reference, pairs, measured) for metric in metrics]
            elif value != reference:
                notes.append(f"{value} and {reference} never meet over the same seed; try another --baseline")
    corrected = holm([row.p for row in rows])
    rows = [row.model_copy(update={"p_holm": p}) for row, p in zip(rows, corrected, strict=True)]
    return Comparison(
        by=by,
        rows=tuple(rows),
        talks=len(run.held),
        unpaired=unpaired,
        forks=run.forks,
        unfinished=run.unfinished,
        notes=tuple(notes),
    )


def _factor(by: str, held: Sequence[Held], *, place: str) -> Factor:
    if by in FACTORS:
        return FACTORS[by]
    varied = {name for one in held for name in one.talk.factors}
    if by not in varied:
        raise unknown("factor", by, {*FACTORS, *varied}, place=place)
    setting = by.partition(".")[0]
    return Factor(SETTING_PARTS.get(setting, frozenset({setting})), lambda talk: _recorded(talk, by))


def _paired_talks(held: Sequence[Held], by: str, *, place: str) -> tuple[list[dict[str, Held]], int]:
    """Talks that differ in the factor only, by value; and how many talks stand alone."""
    factor = _factor(by, held, place=place)
    named = {one.talk.id: factor.names(one.talk) for one in held}
    called = _told_apart([names for each in named.values() for names in each])
    by_rest: dict[str, list[Held]] = defaultdict(list)
    for one in held:
        known = parts(one.talk)
        if named[one.talk.id]:
            by_rest[sha256({name: known[name] for name in sorted(known.keys() - factor.parts)})].append(one)
    groups: list[dict[str, Held]] = []
    for members in by_rest.values():
        seats = [[called[names] for names in named[one.talk.id]] for one in members]
        moving = [column for column in range(len(seats[0])) if len({row[column] for row in seats}) > 1]
        group = {"+".join(row[column] for column in moving): one for row, one in zip(seats, members, strict=True)}
        if len(group) > 1:
            groups.append(group)
    if not groups:
        raise CultureParkError(_nothing(by, {" + ".join(called[n] for n in each) for each in named.values()}, place))
    return groups, len(held) - sum(len(group) for group in groups)


def _nothing(by: str, values: Iterable[str], place: str) -> str:
    found = sorted(value for value in values if value)
    how = f"hold the same talks with another {by}, for instance with `vary: {{{EXAMPLES.get(by, by + ': [...]')}}}`"
    if len(found) < 2:
        have = f"every talk has the {by} {found[0]!r}" if found else "there is no complete talk"
        return f"{place}: {have}, so there is nothing to compare; {how} in the study"
    return (
        f"{place}: no two talks differ in {by} only (question, cultures, stances, replicate and all else must be "
        f"equal), so nothing can be paired; {how} in the study, which shares them"
    )


def _told_apart(names: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Give each value its shortest name that no other value has."""
    chosen: dict[tuple[str, ...], str] = {}
    distinct = sorted(set(names))
    for one in distinct:
        others = [other for other in distinct if other != one]
        alone = (name for place, name in enumerate(one) if all(other[place] != name for other in others))
        chosen[one] = next(alone, one[-1])
    return chosen


def _tables(groups: Sequence[dict[str, Held]], by: str) -> list[list[dict[str, Held]]]:
    """Groups that share a baseline: all of them, but for people those of the same cultures."""
    if by not in {"persona", "name"}:
        return [list(groups)]
    tables: dict[str, list[dict[str, Held]]] = defaultdict(list)
    for group in groups:
        tables[parts(next(iter(group.values())).talk)["table"]].append(group)
    return list(tables.values())


def _row(
    metric: str,
    value: str,
    baseline: str,
    pairs: Sequence[tuple[Held, Held]],
    measured: Mapping[str, Mapping[str, float | None]],
) -> Row:
    found: list[tuple[float, float, str]] = []
    for own, reference in pairs:
        mine, theirs = measured[own.talk.id][metric], measured[reference.talk.id][metric]
        if mine is not None and theirs is not None:
            found.append((mine, theirs, own.talk.seed.id))
    differences = [mine - theirs for mine, theirs, _ in found]
    questions = [question for _, _, question in found]
    return Row(
        metric=metric,
        value=value,
        baseline=baseline,
        pairs=len(found),
        questions=len(set(questions)),
        mean=_mean([mine for mine, _, _ in found]),
        mean_baseline=_mean([theirs for _, theirs, _ in found]),
        difference=_mean(differences),
        interval=paired_interval(differences, questions, seed=SEED),
        p=sign_flip_p(differences, questions, seed=SEED),
        p_holm=None,
        smallest_detectable=smallest_detectable(differences, questions),
    )


def _notes(run: RunTalks, groups: Sequence[dict[str, Held]], metrics: Sequence[str]) -> list[str]:
    notes: list[str] = []
    if run.unrefined is not None and "samples_per_1k_tokens" in metrics:
        notes.append(f"samples_per_1k_tokens is left open: {run.unrefined}")
    questions = [next(iter(group.values())).talk.seed.id for group in groups]
    least = smallest_p(questions)
    if least is not None and least > 0.05:
        asked = len(set(questions))
        unit, more = ("pair", "pairs") if asked == 1 else ("question", "questions")
        count = len(questions) if asked == 1 else asked
        notes.append(
            f"with {count} {unit if count == 1 else more} no p can be below {least:.2g}: talk about more questions, "
            "and read the interval"
        )
    if len(set(questions)) == 1:
        notes.append(f"all pairs are about {questions[0]}: nothing here speaks of other questions")
    return notes


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _protocol(talk: Transcript) -> list[tuple[str, ...]]:
    used = talk.protocol
    arguments = ", ".join(f"{key}={_spelled(value)}" for key, value in sorted(used.args.items()))
    return [(used.name, f"{used.name}({arguments})", f"{used.name}({arguments})@{used.sha256[:6]}")]


def _people(talk: Transcript) -> list[tuple[str, ...]]:
    return [(seat.id, f"{seat.id}@{sha256(seat.persona)[:6]}") for seat in talk.seats]


def _recorded(talk: Transcript, factor: str) -> list[tuple[str, ...]]:
    return [(_spelled(talk.factors[factor]),)] if factor in talk.factors else []


def _spelled(value: JsonValue) -> str:
    return value if isinstance(value, str) else canonical(value).decode()


def _language(talk: Transcript) -> list[tuple[str, ...]]:
    return _recorded(talk, "language") or [(talk.language,)]


FACTORS: Mapping[str, Factor] = {
    "protocol": Factor(frozenset({"protocol"}), _protocol),
    "persona": Factor(frozenset({"people"}), _people),
    "model": Factor(frozenset({"model"}), lambda talk: [(talk.model,)]),
    "language": Factor(LANGUAGE_PARTS, _language),
}
SETTING_PARTS: Mapping[str, frozenset[str]] = {
    "talk_language": LANGUAGE_PARTS,
    "protocol_args": frozenset({"protocol"}),
    "name": frozenset({"people"}),
    "genders": frozenset({"people"}),
    "stance": frozenset({"stances"}),
    "pair": frozenset({"stances"}),
    "ground_by": frozenset({"stances"}),
}
"""For a setting that a study varied, the parts of a talk it may change; any other setting changes the part named so."""
EXAMPLES: Mapping[str, str] = {
    "protocol": "protocol: [self-guidance, free-chat]",
    "persona": "persona: {arabic: [arabic_abdul, arabic_fatima]}",
    "model": "model: [builtin, openai:my-model]",
    "language": "language: [en, native]",
}
