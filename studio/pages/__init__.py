"""The pages, in the order of the menu."""

from culturepark.studio.page import Page
from culturepark.studio.pages import (
    annotate,
    classroom,
    design,
    dialogues,
    diff,
    opinions,
    plan,
    results,
    runs,
    sample,
    transcript,
)

PAGES: tuple[Page, ...] = (
    runs.PAGE,
    dialogues.PAGE,
    transcript.PAGE,
    sample.PAGE,
    diff.PAGE,
    opinions.PAGE,
    results.PAGE,
    annotate.PAGE,
    classroom.PAGE,
    design.PAGE,
    plan.PAGE,
)
