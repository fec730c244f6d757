"""What rows are made of: a run's samples and talks, its survey, and who answers as whom."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from culturepark.personas.culture import Culture
from culturepark.personas.language import ENGLISH
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import SHIPPED, Distribution, Survey, load_survey
from culturepark.postprocess.columns import survey_of
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.postprocess.tables import load_opinions, load_samples
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.store import Store
from culturepark.simulation.plan import SimulateSettings
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript

FEWEST: Final = 2
"""Samples of a culture, below which there is nothing to learn from."""


class Material(NamedTuple):
    """A refined run as training reads it."""

    samples: tuple[Sample, ...]
    opinions: Mapping[str, Opinion]
    """By id."""
    talks: Mapping[str, Transcript]
    """Complete talks by id."""
    cultures: Mapping[str, Culture]
    """All that could be trained for, by id."""
    delegates: tuple[str, ...]
    """Those the run's study is about, without the main contact's."""
    source: str
    """The survey of the run's study."""
    native: bool
    """Whether people speak their culture's language in this run."""

    def survey(self, question: str) -> Survey:
        """The survey that a question is from.

        Raises:
            CultureParkError: When it is not at hand.
        """
        found = survey_of(question, self.source)
        if found is None:
            raise CultureParkError(
                f"question {question!r} is from a survey that is not at hand (the run's is {self.source!r}, shipped: "
                f"{', '.join(SHIPPED)}); set `source` in the run's study.yaml to the folder of that survey"
            )
        return found

    def answers(self, culture: str, question: str) -> Distribution | None:
        """The answers that a culture's people were held to: its country's, or another's in a run with that control."""
        held = (sample.stance for sample in self.samples if (sample.culture, sample.question) == (culture, question))
        country = next((stance.country for stance in held if stance is not None), self.cultures[culture].country)
        return self.survey(question).distribution(question, country)

    def language(self, culture: Culture) -> str:
        """In which language somebody of a culture answers in this run."""
        return culture.language if self.native else ENGLISH


def load_material(store: Store, simulate: SimulateSettings, persona_folders: Sequence[str] = ()) -> Material:
    """Read what a run has for training; `simulate` and `persona_folders` are its study's.

    Raises:
        CultureParkError: When a culture file or the survey of the study cannot be read.
    """
    roster = load_roster([Path(folder) for folder in persona_folders])
    load_survey(simulate.source)
    talks = {talk.id: talk for talk in load_transcripts(store, status="complete")}
    seated = {seat.culture.id: seat.culture for talk in talks.values() for seat in talk.seats}
    chosen = simulate.cultures or roster.delegate_cultures
    return Material(
        samples=tuple(load_samples(store)),
        opinions={opinion.id: opinion for opinion in load_opinions(store)},
        talks=talks,
        cultures={culture: roster.culture(culture) for culture in chosen} | seated,
        delegates=tuple(sorted(chosen)),
        source=simulate.source,
        native=simulate.talk_language != "en",
    )


class Chosen(NamedTuple):
    """Cultures to train for."""

    cultures: tuple[str, ...]
    left_out: Mapping[str, str]
    """Cultures of the run that nothing can be trained on, with the reason."""


def chosen_cultures(material: Material, wanted: Sequence[str], *, place: str, together: bool) -> Chosen:
    """The cultures to train for: those asked for, or all whose samples are enough.

    Args:
        material: Of the run.
        wanted: Ids; none for all.
        place: The run, as errors call it.
        together: Whether one model learns them all; then only all samples together have to be enough.

    Raises:
        CultureParkError: For a culture that the run knows nothing of, a run without samples, or too few of them.
    """
    for culture in wanted:
        if culture not in material.cultures:
            raise unknown("culture", culture, material.cultures, place=place)
    if not material.samples:
        raise CultureParkError(_no_samples(material, place))
    cultures = wanted or sorted({sample.culture for sample in material.samples})
    if together:
        if reason := too_few([sample for sample in material.samples if sample.culture in cultures]):
            raise CultureParkError(f"{place}: {', '.join(cultures)}: {reason}; hold more talks (`--limit`)")
        return Chosen(tuple(cultures), {})
    reasons = {
        culture: too_few([sample for sample in material.samples if sample.culture == culture]) for culture in cultures
    }
    left_out = {culture: reason for culture, reason in reasons.items() if reason is not None}
    kept = tuple(culture for culture in cultures if culture not in left_out)
    if left_out and (wanted or not kept):
        culture, reason = next(iter(left_out.items()))
        raise CultureParkError(f"{place}: culture {culture!r}: {reason}; hold more talks (`--limit`)")
    return Chosen(kept, left_out)


def too_few(samples: Sequence[Sample]) -> str | None:
    """Why samples are too few to learn from, or None."""
    if len(samples) < FEWEST:
        return f"{'one sample' if samples else 'no sample'}, and training takes at least {FEWEST}"
    if len({sample.question for sample in samples}) == 1:
        return (
            f"all {len(samples)} samples are about one question ({samples[0].question}), so a model would learn that "
            "question by heart"
        )
    return None


def _no_samples(material: Material, place: str) -> str:
    if not material.talks:
        return f"{place}: this run has no complete talk; `culturepark run --run {place}` holds some"
    if not material.opinions:
        return f"{place}: this run was not refined, so it has no samples; run `culturepark refine --run {place}` first"
    return (
        f"{place}: none of the {len(material.opinions)} opinions of this run became a sample; hold more talks "
        "(`--limit`), or refine with --keep entail+novel"
    )
