"""Walk a sample back: opinion, utterance, talk, stance, and the survey counts it all began with."""

from culturepark.personas.surveys.survey import load_survey
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
    survey: str
    citation: str


def explain(store: Store, sample: Sample, *, source: str) -> Explanation:
    """Collect what a sample came from; `source` is the survey of the run's study.

    Raises:
        CultureParkError: When the run's rows no longer hold together.
    """
    by_id = {opinion.id: opinion for opinion in load_opinions(store)}
    talks = load_transcripts(store, ids=[sample.talk])
    if not talks or any(opinion not in by_id for opinion in sample.opinions):
        raise CultureParkError(f"{store.folder}: sample {sample.id} has lost its talk or opinions; run refine again")
    survey = load_survey(source)
    answers = None
    if sample.stance is not None and sample.question in survey.questions:
        found = survey.distribution(sample.question, sample.stance.country)
        answers = found.counts if found is not None else None
    return Explanation(
        sample=sample,
        opinions=tuple(by_id[opinion] for opinion in sample.opinions),
        talk=talks[0],
        answers=answers,
        survey=survey.info.title,
        citation=survey.info.citation,
    )


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
    if own.verdict is not None:
        sure = f" ({own.confidence[own.verdict]:.2f})" if own.confidence else ""
        lines.append(f"judged against the speaker's stance: {own.verdict}{sure}")
    lines += [f"also stands for (cosine {other.cosine}): {other.text}" for other in found.opinions[1:]]
    lines.append(f"question {talk.seed.id}: {talk.seed.text['en']}")
    if sample.stance is not None:
        stance = sample.stance
        n = f"{stance.n:g}" if stance.n is not None else "an unknown number of"
        lines.append(
            f"stance {stance.code}: {seat.name} {stance.words}; {100 * stance.share:.1f} % of {n} valid answers of "
            f"{stance.country} ({'weighted' if stance.weighted else 'unweighted'}, chosen: {stance.chosen})"
        )
        lines.append(f"what women and men differ in here rests on: {stance.gender_basis} ({stance.standing})")
    if found.answers is not None:
        labels = talk.seed.scale.labels
        counts = ", ".join(
            f"{code} {labels.get(code, '')}".strip() + f": {count:g}" for code, count in found.answers.items()
        )
        lines.append(f"answers of {sample.stance.country if sample.stance else sample.country}: {counts}")
    lines += [f"survey: {found.survey}. {found.citation}", f"model: {talk.model}; protocol: {talk.protocol.name}"]
    keys = [key for key in (talk.turns[own.turn].request, *own.requests) if key]
    lines.append(f"ledger: {', '.join(key[:12] for key in keys)}")
    return "\n".join(lines)


def _marked(text: str, opinion: Opinion) -> str:
    """The utterance with the quote between marks."""
    return f"{text[: opinion.start]}»{opinion.quote}«{text[opinion.end :]}"
