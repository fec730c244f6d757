"""The pages, in the order of the menu. Each is a module here, read when the page is first opened."""

from typing import Final

from culturepark.studio.keys import LESSON
from culturepark.studio.page import Page

PAGES: Final = (
    Page("/", "Runs", "runs", icon="folder_open", key="r"),
    Page("/run/{run}/dialogues", "Dialogues", "dialogues", icon="forum", key="d"),
    Page("/run/{run}/talk/{talk}", "Transcript", "transcript", own_heading=True),
    Page("/run/{run}/sample/{sample}", "Sample", "sample"),
    Page("/run/{run}/diff", "Diff", "diff", icon="compare", key="f"),
    Page("/run/{run}/opinions", "Opinions", "opinions", icon="bubble_chart", key="o", charts=True),
    Page("/run/{run}/results", "Results", "results", icon="insights", key="b", charts=True),
    Page("/run/{run}/annotate", "Annotate", "annotate", icon="rate_review", key="a"),
    Page("/run/{run}/classroom", "Classroom", "classroom", icon="school", key="c"),
    Page(LESSON, "Lesson", "lesson", own_heading=True, bare=True),
    Page("/design", "Design", "design", icon="architecture", key="p"),
    Page("/plan", "Study plan", "plan", icon="groups", key="s"),
)
