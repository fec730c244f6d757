"""What was done to an opinion on its way, in words: for `samples explain`, back and forward."""

from collections.abc import Iterator

from culturepark.postprocess.opinion import Opinion, Rewrite, ShareCheck


def judged_words(opinion: Opinion, judge: str) -> Iterator[str]:
    """Say line by line how an opinion was read, judged, reworded and checked.

    Args:
        opinion: With everything a refinement found out about it.
        judge: What is known of the judge, see `culturepark.postprocess.annotate.report.Standing`.
    """
    person = f", in the {opinion.voice} person" if opinion.voice is not None else ""
    yield f"read as: a {opinion.kind}, about: {opinion.about}{person}"
    if opinion.verdict is not None:
        sure = f" ({opinion.confidence[opinion.verdict]:.2f})" if opinion.confidence else ""
        yield f"judged against the speaker's stance: {opinion.verdict}{sure}; judge {judge}"
    if opinion.second is not None:
        verdict = opinion.second.verdict or "no verdict"
        yield f"second judge, {opinion.second.judge}: {verdict}"
    for change in opinion.rewrites:
        yield _reworded(change)
    if opinion.share_check is not None:
        yield _share(opinion.share_check)
    if opinion.novelty is not None:
        by = len(opinion.novelty.corroborated_by)
        voices = f"{by} independent talk{'' if by == 1 else 's'} voice{'s' if by == 1 else ''} it, too"
        nearest = f"nearest seed question {opinion.novelty.nearest} at distance {opinion.novelty.distance:.2f}"
        yield f"novel: {nearest}; {voices}"


def _reworded(change: Rewrite) -> str:
    aim = "to agree with the stance" if change.aim == "stance" else "into the first person"
    if change.after is None:
        return f"reworded {aim}: no draw gave a text that can be used"
    before, after = (verdict or "no verdict" for verdict in change.verdicts)
    found = (
        f"{before} before, {after} after"
        if change.aim == "stance"
        else f"it implies the new text: {before}; the other way round: {after}"
    )
    return f"reworded {aim} ({found}; {'kept' if change.kept else 'not kept'}): {change.before} -> {change.after}"


def _share(check: ShareCheck) -> str:
    low, high = (f"{100 * bound:.0f}" for bound in check.claimed)
    n = f"{check.n:g}" if check.n is not None else "an unknown number of"
    return (
        f"says that {low} to {high} % of {check.country} are {check.side} on {check.question}; the survey: "
        f"{100 * check.share:.1f} % of {n} valid answers, so it {'holds' if check.holds else 'is refuted'}"
    )
