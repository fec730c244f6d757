"""The audit of a run's samples: what each removed opinion was merged into, what was lost in words and in stances."""

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

import regex

from culturepark.personas.surveys.survey import Survey
from culturepark.postprocess.marks import Kind, differences
from culturepark.postprocess.near_text import lowered
from culturepark.postprocess.opinion import MergeReason, Opinion
from culturepark.postprocess.stance_mix import Fate, Mix, fates, stance_mixes
from culturepark.runtime.record import Record
from culturepark.simulation.transcript import Transcript

_TOKEN = regex.compile(r"\p{Han}|[\w--\p{Han}]+(?:['’]\w+)?", regex.V1)


class Change(Record):
    """A kind of marks in which a removed opinion differs from the kept one."""

    kind: Kind
    removed: tuple[str, ...]
    kept: tuple[str, ...]


class Removal(Record):
    """An opinion that is not a sample, and the one that stands for it."""

    opinion: str
    text: str
    kept: str
    kept_text: str
    cosine: float
    reason: MergeReason
    culture: str
    country: str
    question: str
    language: str
    lost: tuple[str, ...]
    """Words of the removed text that the kept one lacks, in order."""
    gained: tuple[str, ...]
    """Words of the kept text that the removed one lacks."""
    changes: tuple[Change, ...]
    """Where the two do not mean the same, as far as code can tell; merging by threshold leaves none."""


class Audit(Record):
    """Everything `culturepark samples audit` shows. Made from the store, without a model."""

    run: str
    opinions: int
    verified: int
    samples: int
    removals: tuple[Removal, ...]
    mixes: tuple[Mix, ...]
    fates: tuple[Fate, ...]

    @property
    def flagged(self) -> tuple[Removal, ...]:
        """Removals in which a negation, number, quantifier, custom, name or opposite went missing."""
        return tuple(removal for removal in self.removals if removal.changes)

    @property
    def reasons(self) -> dict[str, int]:
        """How many removals each reason has."""
        return dict(sorted(Counter(removal.reason for removal in self.removals).items()))


def audit(
    run: str, survey: Survey, talks: Sequence[Transcript], opinions: Sequence[Opinion], *, everyone: bool = False
) -> Audit:
    """Audit a run's opinions; see `stance_mixes` for the arguments."""
    return Audit(
        run=run,
        opinions=len(opinions),
        verified=sum(opinion.dropped in {None, "merged"} for opinion in opinions),
        samples=sum(opinion.dropped is None for opinion in opinions),
        removals=tuple(removals(opinions)),
        mixes=tuple(stance_mixes(survey, talks, opinions, everyone=everyone)),
        fates=tuple(fates(opinions)),
    )


def removals(opinions: Sequence[Opinion]) -> list[Removal]:
    """Every merged opinion beside its kept one, those of one sample together."""
    by_id = {opinion.id: opinion for opinion in opinions}
    place = {opinion.id: number for number, opinion in enumerate(opinions)}
    merged = [opinion for opinion in opinions if opinion.kept is not None]
    return [_removal(one, by_id[str(one.kept)]) for one in sorted(merged, key=lambda one: place[str(one.kept)])]


def _removal(removed: Opinion, kept: Opinion) -> Removal:
    assert removed.cosine is not None
    assert removed.merged_by is not None
    lost, gained = word_changes(removed.text, kept.text, removed.language)
    found = differences(removed.text, kept.text, removed.language)
    return Removal(
        opinion=removed.id,
        text=removed.text,
        kept=kept.id,
        kept_text=kept.text,
        cosine=removed.cosine,
        reason=removed.merged_by,
        culture=removed.culture,
        country=removed.country,
        question=removed.question,
        language=removed.language,
        lost=lost,
        gained=gained,
        changes=tuple(Change(kind=one.kind, removed=one.one, kept=one.other) for one in found),
    )


def word_changes(removed: str, kept: str, language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words (Chinese: characters) only in the first text, and only in the second, by a word diff that ignores case."""
    one, other = _TOKEN.findall(removed), _TOKEN.findall(kept)
    lowered_one, lowered_other = ([lowered(word, language) for word in words] for words in (one, other))
    steps = SequenceMatcher(None, lowered_one, lowered_other, autojunk=False).get_opcodes()
    lost = tuple(word for step, a, b, _, _ in steps if step != "equal" for word in one[a:b])
    gained = tuple(word for step, _, _, c, d in steps if step != "equal" for word in other[c:d])
    return lost, gained
