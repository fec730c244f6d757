"""What the benchmarks of a run found."""

from culturepark.studio.page import Page, Visit


async def draw(visit: Visit) -> None:
    """The report's tables and plots."""
    from culturepark.studio.pages.results_drawn import draw as drawn  # noqa: PLC0415  (imports SciPy)

    await drawn(visit)


PAGE = Page("/run/{run}/results", "Results", draw, icon="insights", key="b")
