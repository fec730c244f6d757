"""Walk a sample back: opinion, utterance, talk, stance, and the survey counts it all began with."""

from collections.abc import Sequence

from culturepark.postprocess.annotate.report import standing
from culturepark.postprocess.columns import survey_of
from culturepark.postprocess.judged import judged_words
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.postprocess.tables import load_opinions
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record
from culturepark.runtime.store import Store
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript


class Explanation(Record):
    """Every arrow from the survey to a sample."""

    sample: Sample
    opinions: tuple[Opinion, ...]
    """What the sample stands for, its own opinion first."""
    talk: Transcript
    """The talk of its own opinion."""
    answers: dict[int, float] | None
    """The country's answers to the question by code; None where there was no stance, or the survey moved."""
    survey: str | None
    """Title; None where the question is from a survey that is not at hand."""
    citation: str | None
    judge: str
    """What is known of the judge: `unvalidated`, or how it did against people."""


def explain(store: Store, samples: Sequence[Sample], *, source: str) -> list[Explanation]:
    """Collect what samples came from; `source` is the survey of the run's study.

    Raises:
        CultureParkError: When the run's rows no longer hold together.
    """
    opinions = load_opinions(store, ids={opinion for sample in samples for opinion in sample.opinions})
    by_id = {opinion.id: opinion for opinion in opinions}
    talks = {talk.id: talk for talk in load_transcripts(store, ids={sample.talk for sample in samples})}
    judge = standing(store, opinions).words
    found: list[Explanation] = []
    for sample in samples:
        if sample.talk not in talks or any(opinion not in by_id for opinion in sample.opinions):
            raise CultureParkError(
                f"{store.folder}: sample {sample.id} has lost its talk or opinions; run refine again"
            )
        survey = survey_of(sample.question, source)
        answers = None
        if sample.stance is not None and survey is not None and survey.questions[sample.question].split == "seed":
            answered = survey.distribution(sample.question, sample.stance.country)
            answers = answered.counts if answered is not None else None
        found.append(
            Explanation(
                sample=sample,
                opinions=tuple(by_id[opinion] for opinion in sample.opinions),
                talk=talks[sample.talk],
                answers=answers,
                survey=survey.info.title if survey is not None else None,
                citation=survey.info.citation if survey is not None else None,
                judge=judge,
            )
        )
    return found


def explanation_text(found: Explanation) -> str:
    """Say it in words, from the sample back to the survey."""
    sample, talk = found.sample, found.talk
    own = found.opinions[0]
    seat = talk.seat(own.speaker)
    where = f"{sample.culture}, {sample.country}, {sample.language}"
    lines = [
        f"sample {sample.id}  ({where}; stands for {sample.mass} opinion(s))",
        f"  {sample.text}",
        f"said by {seat.name} from {seat.culture.country_name} in talk {talk.id}, turn {own.turn}:",
        f"  {_marked(talk.turns[own.turn].text, own)}",
    ]
    if talk.turns[own.turn].flags:
        lines.append(f"  turn checks: {', '.join(talk.turns[own.turn].flags)}")
    lines += judged_words(own, found.judge)
    lines += [
        f"also stands for ({other.merged_by}, cosine {other.cosine}): {other.text}" for other in found.opinions[1:]
    ]
    lines += [f"question {talk.seed.id}: {text}" for text in talk.seed.text.values()]
    if sample.stance is not None:
        stance = sample.stance
        n = f"{stance.n:g}" if stance.n is not None else "an unknown number of"
        lines.append(
            f"stance {stance.code}: {seat.name} {stance.words}; {100 * stance.share:.1f} % of {n} valid answers of "
            f"{stance.country} ({'weighted' if stance.weighted else 'unweighted'}, chosen: {stance.chosen})"
        )
        if stance.told is not None:
            lines.append(f"  told to {seat.name}: {stance.told}")
        if stance.respondent is not None:
            reference, file = stance.respondent.reference[:12], stance.respondent.file[:12]
            lines.append(f"  the answer of one respondent, {reference} of the file {file}")
        lines.append(f"what women and men differ in here rests on: {stance.gender_basis} ({stance.standing})")
    if found.answers is not None:
        labels = talk.seed.scale.labels
        counts = ", ".join(
            f"{code} {labels.get(code, '')}".strip() + f": {count:g}" for code, count in found.answers.items()
        )
        lines.append(f"answers of {sample.stance.country if sample.stance else sample.country}: {counts}")
    lines.append(f"survey: {found.survey}. {found.citation}" if found.survey else "survey: not at hand")
    if talk.parent is not None:
        lines.append(f"the talk is a fork of {talk.parent.id} from turn {talk.parent.turn} on")
    lines.append(f"model: {talk.model}; protocol: {talk.protocol.name}")
    keys = [key for key in (talk.turns[own.turn].request, *own.requests) if key]
    lines.append(f"ledger: {', '.join(key[:12] for key in keys) or 'nothing was asked for it'}")
    return "\n".join(lines)


def _marked(text: str, opinion: Opinion) -> str:
    """The utterance with the quote between marks."""
    return f"{text[: opinion.start]}»{opinion.quote}«{text[opinion.end :]}"
