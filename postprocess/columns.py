"""The columns of an exported sample: one table for Parquet, Hugging Face, CSV, the sidecar and the card."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from culturepark.personas.stance import Stance
from culturepark.personas.surveys.sensitivity import Sensitivity, load_sensitivity
from culturepark.personas.surveys.survey import SHIPPED, Survey, load_survey
from culturepark.postprocess.sample import Sample

Kind = Literal["text", "whole", "number", "truth", "texts", "messages"]


class RowFacts(NamedTuple):
    """What a row tells besides its sample."""

    sensitivity: Sensitivity
    licence: str


class Column(NamedTuple):
    """One column."""

    name: str
    kind: Kind
    what: str
    """For people, in a few words."""
    of: Callable[[Sample, RowFacts], Any]


def _held(read: Callable[[Stance], Any]) -> Callable[[Sample, RowFacts], Any]:
    """A value of the stance; None where the speaker was held to none."""
    return lambda sample, _: read(sample.stance) if sample.stance is not None else None


COLUMNS: Final[tuple[Column, ...]] = (
    Column("id", "text", "content id of the sample", lambda sample, _: sample.id),
    Column("synthetic", "truth", "always true: no real person said this", lambda sample, _: sample.synthetic),
    Column("culture", "text", "culture of the persona", lambda sample, _: sample.culture),
    Column("country", "text", "country the persona is from (ISO 3166 alpha-3)", lambda sample, _: sample.country),
    Column("language", "text", "language of text and messages (BCP 47)", lambda sample, _: sample.language),
    Column("question", "text", "survey question the talk was about", lambda sample, _: sample.question),
    Column("text", "text", "the opinion", lambda sample, _: sample.text),
    Column("stance_side", "text", "below, mid, above or unsure on the question's scale", _held(lambda held: held.side)),
    Column("stance_code", "whole", "the answer the persona was held to", _held(lambda held: held.code)),
    Column("stance_words", "text", "that answer in words, completing a name", _held(lambda held: held.words)),
    Column("stance_country", "text", "country whose people gave that answer", _held(lambda held: held.country)),
    Column("survey_share", "number", "fraction of that country's answers like it", _held(lambda held: held.share)),
    Column("survey_n", "number", "that country's valid answers (or their weights)", _held(lambda held: held.n)),
    Column("survey_weighted", "truth", "whether answers were weighted", _held(lambda held: held.weighted)),
    Column("sensitivity", "text", "what makes the question sensitive, or none", lambda _, facts: facts.sensitivity),
    Column("licence", "text", "terms of the survey's shares", lambda _, facts: facts.licence),
    Column("mass", "whole", "opinions the sample stands for", lambda sample, _: sample.mass),
    Column("talk", "text", "talk it was said in", lambda sample, _: sample.talk),
    Column("turn", "whole", "index of the utterance in that talk", lambda sample, _: sample.turn),
    Column("quote", "text", "the words as they were said there", lambda sample, _: sample.quote),
    Column("opinions", "texts", "ids of the opinions it stands for", lambda sample, _: list(sample.opinions)),
    Column(
        "messages",
        "messages",
        "chat row: who answers, the question, the opinion",
        lambda sample, _: [message.model_dump() for message in sample.messages],
    ),
)

NO_SURVEY: Final = RowFacts("none", "synthetic text; the survey behind it is not known here")


def sample_row(sample: Sample, facts: RowFacts = NO_SURVEY) -> dict[str, Any]:
    """A sample as one row, in the order of the columns."""
    return {column.name: column.of(sample, facts) for column in COLUMNS}


def survey_of(question: str, source: str) -> Survey | None:
    """The survey a question is from: the run's own, or a shipped one (an imported talk may be about either).

    Args:
        question: Full id, e.g. `wvs7:Q27`.
        source: The survey of the run's study.

    Returns:
        None when the question is from a survey that is not at hand.
    """
    own = load_survey(source)
    name = question.partition(":")[0]
    if question in own.questions:
        return own
    return load_survey(name) if name in SHIPPED else None


def row_facts(questions: Sequence[str], source: str) -> Mapping[str, RowFacts]:
    """Sensitivity and licence note of each question; `source` is the survey of the run's study.

    Raises:
        CultureParkError: When the run's survey cannot be read.
    """
    found: dict[str, RowFacts] = {}
    for question in questions:
        survey = survey_of(question, source)
        if survey is None:
            found[question] = NO_SURVEY
            continue
        tag = load_sensitivity(source, survey=survey.info.name).of(survey.questions[question])
        found[question] = RowFacts(tag, f"synthetic text; survey shares: {survey.info.citation}; {survey.info.terms}")
    return found
