"""The pages, in the order of the menu."""

from culturepark.studio.page import Page
from culturepark.studio.pages import annotate, classroom, dialogues, runs, sample, transcript

PAGES: tuple[Page, ...] = (runs.PAGE, dialogues.PAGE, transcript.PAGE, sample.PAGE, annotate.PAGE, classroom.PAGE)
