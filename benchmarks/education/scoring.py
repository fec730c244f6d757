"""Lessons scored against the people's real answers: by arm what changed, the analysis of covariance, the sheet."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Final, Literal, get_args

from scipy import stats

from culturepark.benchmarks.education.ancova import Ancova, Measured, Unfit, ancova
from culturepark.benchmarks.education.lesson import Arm, Guess, Lesson, Status
from culturepark.benchmarks.education.lesson_files import LessonsRead
from culturepark.benchmarks.education.lots import ARMS
from culturepark.benchmarks.education.truth import errors, real_targets
from culturepark.benchmarks.statistics import LEVEL
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record

Kind = Literal["share", "spread"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Moment = Literal["before", "after"]


class FormError(Record):
    """How far one participant's guesses on one form are off."""

    share: float | None
    """Mean absolute error over the form's questions, a fraction; None unless every question was answered."""
    spread: float | None
    open: int
    """Numbers that were asked for and left out, of both kinds."""


class ScoredLesson(Record):
    """One participant's errors."""

    id: str
    culture: str
    arm: Arm
    status: Status
    before: FormError
    after: FormError | None
    """None when the lesson ended before the second form."""

    def error(self, kind: Kind, moment: Moment) -> float | None:
        """The error of one form."""
        form = self.before if moment == "before" else self.after
        return None if form is None else form.share if kind == "share" else form.spread


class Mean(Record):
    """A mean with what it rests on."""

    value: float | None
    sd: float | None
    low: float | None
    """95 % t interval."""
    high: float | None
    n: int


class ArmSummary(Record):
    """One arm: only lessons with every number of both forms count."""

    arm: Arm
    lessons: int
    complete: int
    before: Mean
    after: Mean
    change: Mean
    """After minus before: below 0 the guesses came nearer."""


class KindResult(Record):
    """Everything on one kind of error."""

    kind: Kind
    arms: tuple[ArmSummary, ...]
    ancova: Ancova | None
    why_not: str | None
    """Why there is no analysis."""


class SheetSummary(Record):
    """How an item of the satisfaction sheet was rated in an arm, 1 to 5."""

    item: str
    arm: Arm
    rating: Mean
    open: int


class EducationResult(Record):
    """What the lessons say."""

    lessons: int
    unfinished: int
    withdrawn: int
    """Known of only by their number."""
    cultures: tuple[str, ...]
    consents: tuple[str, ...]
    open: int
    """Numbers left out on forms that were shown: they stay missing."""
    kinds: tuple[KindResult, ...]
    sheet: tuple[SheetSummary, ...]
    scored: tuple[ScoredLesson, ...]


def score(read: LessonsRead) -> EducationResult:
    """Score lessons against the held-out answers of their surveys.

    Raises:
        CultureParkError: Without lessons, or when a lesson names a culture's question that was not asked or not held
            out.
    """
    if not read.lessons:
        raise CultureParkError("there are no lessons in these files; `culturepark education export` writes a run's")
    scored = [_scored(lesson) for lesson in read.lessons]
    forms = [form for one in scored for form in (one.before, one.after) if form is not None]
    return EducationResult(
        lessons=len(scored),
        unfinished=sum(one.status == "unfinished" for one in scored),
        withdrawn=read.withdrawn,
        cultures=tuple(sorted({one.culture for one in scored})),
        consents=tuple(sorted({lesson.consent for lesson in read.lessons})),
        open=sum(form.open for form in forms),
        kinds=tuple(_kind(kind, scored) for kind in KINDS),
        sheet=_sheet(read.lessons),
        scored=tuple(scored),
    )


def _scored(lesson: Lesson) -> ScoredLesson:
    return ScoredLesson(
        id=lesson.id,
        culture=lesson.culture,
        arm=lesson.arm,
        status=lesson.status,
        before=_form(lesson, lesson.before),
        after=_form(lesson, lesson.after) if lesson.after else None,
    )


def _form(lesson: Lesson, guesses: Sequence[Guess]) -> FormError:
    place = f"lesson {lesson.id}"
    survey = load_survey(lesson.survey)
    found = []
    for guess in guesses:
        question, real = real_targets(survey, guess.question, lesson.country, place=place)
        found.append(errors(guess, question, real, place=place))
    shares, spreads = [one.share for one in found], [one.spread for one in found]
    return FormError(share=_whole(shares), spread=_whole(spreads), open=[*shares, *spreads].count(None))


def _whole(values: Sequence[float | None]) -> float | None:
    """The mean of a form that was filled in to the end."""
    given = [value for value in values if value is not None]
    return fmean(given) if len(given) == len(values) else None


def _kind(kind: Kind, scored: Sequence[ScoredLesson]) -> KindResult:
    complete = [
        Measured(one.arm, one.culture, before, after)
        for one in scored
        if (before := one.error(kind, "before")) is not None and (after := one.error(kind, "after")) is not None
    ]
    present = [arm for arm in ARMS if any(one.arm == arm for one in scored)]
    found: Ancova | Unfit
    if len(present) < 2:
        found = Unfit(f"all lessons are of the arm {present[0]}, so there is nothing to compare it with")
    else:
        found = ancova(complete, arms=present)
    return KindResult(
        kind=kind,
        arms=tuple(_arm(arm, scored, complete) for arm in present),
        ancova=found if isinstance(found, Ancova) else None,
        why_not=found.reason if isinstance(found, Unfit) else None,
    )


def _arm(arm: Arm, scored: Sequence[ScoredLesson], complete: Sequence[Measured]) -> ArmSummary:
    own = [one for one in complete if one.arm == arm]
    return ArmSummary(
        arm=arm,
        lessons=sum(one.arm == arm for one in scored),
        complete=len(own),
        before=mean([one.pre for one in own]),
        after=mean([one.post for one in own]),
        change=mean([one.post - one.pre for one in own]),
    )


def _sheet(lessons: Sequence[Lesson]) -> tuple[SheetSummary, ...]:
    items = list(dict.fromkeys(item for lesson in lessons for item in lesson.sheet))
    found = []
    for item in items:
        for arm in ARMS:
            ratings = [lesson.sheet[item] for lesson in lessons if lesson.arm == arm and item in lesson.sheet]
            if ratings:
                given = [float(rating) for rating in ratings if rating is not None]
                found.append(SheetSummary(item=item, arm=arm, rating=mean(given), open=ratings.count(None)))
    return tuple(found)


def mean(values: Sequence[float]) -> Mean:
    """A mean with its 95 % t interval; no interval for fewer than two values."""
    if not values:
        return Mean(value=None, sd=None, low=None, high=None, n=0)
    middle = fmean(values)
    if len(values) < 2:
        return Mean(value=middle, sd=None, low=None, high=None, n=1)
    sd = stdev(values)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * sd / len(values) ** 0.5
    return Mean(value=middle, sd=sd, low=middle - reach, high=middle + reach, n=len(values))
