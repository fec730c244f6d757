"""How many participants a classroom study needs: power of a contrast of two arms in the analysis of covariance."""

from math import ceil, floor, sqrt
from typing import Final

from pydantic import Field, model_validator
from scipy import stats

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record

MOST: Final = 1_000_000
"""Participants an arm beyond which nobody plans a lesson."""

ROUNDING: Final = 1e-9


class Design(Record):
    """What a study assumes."""

    effect: float = Field(gt=0)
    """Difference of two arms' second forms in standard deviations of that form within an arm (Cohen's d)."""
    correlation: float = Field(default=0.5, gt=-1, lt=1)
    """Of the first form's error with the second's, within arms."""
    arms: int = Field(default=3, ge=2)
    power: float = Field(default=0.8, gt=0, lt=1)
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Of all contrasts together, two-sided."""
    attrition: float = Field(default=0.0, ge=0, lt=1)
    """Fraction of the participants whose lessons will not be complete."""

    @model_validator(mode="after")
    def _power_above_alpha(self) -> "Design":
        if self.power <= self.alpha:
            raise ValueError(f"power {self.power} has to be above alpha {self.alpha}, what no effect gives")
        return self

    @property
    def contrasts(self) -> int:
        """The first arm with each other one."""
        return self.arms - 1


class Size(Record):
    """A study's size and its power."""

    design: Design
    complete_per_arm: int
    enrol_per_arm: int
    """With those who will not be complete."""
    enrol: int
    power: float
    """Of one contrast at Bonferroni's level, which is Holm's strictest step: the true power is no lower."""


def contrast_power(design: Design, per_arm: int) -> float:
    """Chance to find one contrast, with its right sign, from `per_arm` complete lessons in every arm.

    Exact for the noncentral t distribution with `arms * n - arms - 1` degrees of freedom, given arms whose first forms
    are alike on average, as lots make them. The covariate leaves `1 - correlation**2` of the variance.

    Source:
        S. Maxwell, H. Delaney, K. Kelley, Designing Experiments and Analyzing Data (3rd ed., 2018), chapter 9; the
        factor `1 - correlation**2` as in G. Borm, J. Fransen, W. Lemmens, "A simple sample size formula for analysis
        of covariance in randomized clinical trials", Journal of Clinical Epidemiology 60 (2007).
    """
    freedom = design.arms * per_arm - design.arms - 1
    if freedom < 1:
        return 0.0
    critical = stats.t.isf(design.alpha / design.contrasts / 2, freedom)
    return float(stats.nct.sf(critical, freedom, design.effect * sqrt(per_arm / 2 / (1 - design.correlation**2))))


def size_at(design: Design, per_arm: int) -> Size:
    """The power that `per_arm` enrolled participants give.

    Raises:
        CultureParkError: When too few of them will be complete to test anything.
    """
    complete = floor(per_arm * (1 - design.attrition) + ROUNDING)
    if design.arms * complete - design.arms - 1 < 1:
        raise CultureParkError(
            f"{per_arm} participants an arm leave {complete} complete lessons in each of {design.arms}; "
            "the analysis needs 2 or more"
        )
    return Size(
        design=design,
        complete_per_arm=complete,
        enrol_per_arm=per_arm,
        enrol=per_arm * design.arms,
        power=contrast_power(design, complete),
    )


def needed_size(design: Design) -> Size:
    """The smallest study that reaches the design's power.

    Raises:
        CultureParkError: When it would take more than a million participants an arm.
    """
    high = 3
    while contrast_power(design, high) < design.power:
        high *= 2
        if high > MOST:
            raise CultureParkError(
                f"an effect of {design.effect:g} needs more than {MOST:,} participants an arm; plan for a larger one"
            )
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if contrast_power(design, middle) < design.power else (low, middle)
    enrol = ceil(high / (1 - design.attrition) - ROUNDING)
    return Size(
        design=design,
        complete_per_arm=high,
        enrol_per_arm=enrol,
        enrol=enrol * design.arms,
        power=contrast_power(design, high),
    )
