"""The pages, in the order of the menu."""

from culturepark.studio.page import Page
from culturepark.studio.pages import annotate, classroom, dialogues, diff, plan, runs, sample, transcript

PAGES: tuple[Page, ...] = (
    runs.PAGE,
    dialogues.PAGE,
    transcript.PAGE,
    sample.PAGE,
    diff.PAGE,
    annotate.PAGE,
    classroom.PAGE,
    plan.PAGE,
)
