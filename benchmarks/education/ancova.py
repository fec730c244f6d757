"""Analysis of covariance of lessons: what the way of learning does to the second form, given the first."""

from collections.abc import Sequence
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from culturepark.benchmarks.statistics import LEVEL, holm
from culturepark.runtime.record import Record

Floats = NDArray[np.float64]
TINY: Final = 1e-12


class Measured(NamedTuple):
    """One participant who answered all of both forms."""

    arm: str
    block: str
    """Within which arms were drawn by lot: the culture."""
    pre: float
    post: float


class Contrast(Record):
    """One arm against another, at the same first form."""

    arm: str
    other: str
    difference: float
    """Mean of `arm` minus that of `other`, adjusted; below 0 where `arm` guessed better."""
    low: float
    high: float
    p: float
    p_holm: float
    """Over the contrasts of this table."""
    g: float | None
    """Hedges' g of the changes from the first to the second form; None where nobody's change differs."""
    g_low: float | None
    g_high: float | None


class Ancova(Record):
    """Second form on arm, with the first as covariate and, where there are several, the cultures as blocks."""

    n: int
    blocks: int
    f: float
    df: int
    df_error: int
    p: float
    partial_eta2: float
    partial_omega2: float
    """Less biased than eta squared; it can be below 0."""
    slope: float
    """Of the second form on the first, within arms."""
    p_slopes: float | None
    """Of the arms' slopes being equal, as the model assumes; None with too few lessons to tell."""
    contrasts: tuple[Contrast, ...]


class Unfit(NamedTuple):
    """Why there is no analysis, in words."""

    reason: str


def ancova(measured: Sequence[Measured], *, arms: Sequence[str]) -> Ancova | Unfit:
    """Fit the model and compare the first of `arms` with each other one.

    Ordinary least squares; intervals and p values from the t and F distributions. Nothing is imputed: `measured` holds
    complete cases only.

    Source:
        S. Maxwell, H. Delaney, K. Kelley, Designing Experiments and Analyzing Data (3rd ed., 2018), chapter 9, on
        analysis of covariance in randomised pretest-posttest designs; on omega squared chapter 3.
    """
    import statsmodels.api as sm  # noqa: PLC0415  (slow to import)

    for arm in arms:
        if (there := sum(one.arm == arm for one in measured)) < 2:
            return Unfit(f"arm {arm} has {there} complete lessons, and the analysis needs 2 or more of every arm")
    blocks = sorted({one.block for one in measured})
    pre = np.array([one.pre for one in measured])
    post = np.array([one.post for one in measured])
    dummies = np.array([[float(one.arm == arm) for arm in arms[1:]] for one in measured])
    blocked = np.array([[float(one.block == block) for block in blocks[1:]] for one in measured])
    design = np.column_stack([np.ones(len(pre)), dummies, pre - pre.mean(), blocked.reshape(len(pre), -1)])
    if np.linalg.matrix_rank(design) < design.shape[1] or len(pre) <= design.shape[1]:
        return Unfit(f"{len(pre)} complete lessons cannot tell apart arms, first form and cultures")
    fit = sm.OLS(post, design).fit()
    if fit.ssr < TINY:
        return Unfit("the model fits without any error; look at the lessons")
    others = len(arms) - 1
    restrictions = np.eye(design.shape[1])[1 : 1 + others]
    test = fit.f_test(restrictions)
    f = float(np.squeeze(test.fvalue))
    error = int(fit.df_resid)
    # The design's columns are the other arms minus the first.
    limits = fit.conf_int(alpha=1 - LEVEL)
    p_values = [float(p) for p in fit.pvalues[1 : 1 + others]]
    contrasts = []
    for place, (other, adjusted) in enumerate(zip(arms[1:], holm(p_values), strict=True), start=1):
        assert adjusted is not None
        g = hedges_g([one for one in measured if one.arm == arms[0]], [one for one in measured if one.arm == other])
        contrasts.append(
            Contrast(
                arm=arms[0],
                other=other,
                difference=-float(fit.params[place]),
                low=-float(limits[place][1]),
                high=-float(limits[place][0]),
                p=p_values[place - 1],
                p_holm=adjusted,
                g=g[0] if g else None,
                g_low=g[1] if g else None,
                g_high=g[2] if g else None,
            )
        )
    return Ancova(
        n=len(pre),
        blocks=len(blocks),
        f=f,
        df=others,
        df_error=error,
        p=float(np.squeeze(test.pvalue)),
        partial_eta2=others * f / (others * f + error),
        partial_omega2=others * (f - 1) / (others * (f - 1) + len(pre)),
        slope=float(fit.params[1 + others]),
        p_slopes=_slopes_p(fit, design, dummies, pre, post),
        contrasts=tuple(contrasts),
    )


def hedges_g(ones: Sequence[Measured], others: Sequence[Measured]) -> tuple[float, float, float] | None:
    """Hedges' g of the changes of two arms with its 95 % interval; None where no change differs from another.

    Source:
        L. Hedges, I. Olkin, Statistical Methods for Meta-Analysis (1985), in statsmodels' `effectsize_smd`; the
        interval is normal on its standard error.
    """
    from statsmodels.stats.meta_analysis import effectsize_smd  # noqa: PLC0415  (slow to import)

    mine, theirs = (np.array([one.post - one.pre for one in group]) for group in (ones, others))
    if mine.var() + theirs.var() < TINY:
        return None
    g, variance = effectsize_smd(
        mine.mean(), mine.std(ddof=1), len(mine), theirs.mean(), theirs.std(ddof=1), len(theirs)
    )
    reach = float(stats.norm.ppf((1 + LEVEL) / 2)) * sqrt(float(variance))
    return float(g), float(g) - reach, float(g) + reach


def _slopes_p(fit: object, design: Floats, dummies: Floats, pre: Floats, post: Floats) -> float | None:
    import statsmodels.api as sm  # noqa: PLC0415  (slow to import)

    wider = np.column_stack([design, dummies * (pre - pre.mean())[:, None]])
    if np.linalg.matrix_rank(wider) < wider.shape[1] or len(pre) <= wider.shape[1]:
        return None
    crossed = sm.OLS(post, wider).fit()
    if crossed.ssr < TINY:
        return None
    return float(crossed.compare_f_test(fit)[1])
