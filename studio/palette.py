"""One colour for a thing on all pages. `static/studio.css` holds the colours, each in light and in dark."""

from typing import Final

from culturepark.runtime.hashing import sha256

CULTURES: Final = (
    "english", "arabic", "bengali", "chinese", "german", "korean", "portuguese", "spanish", "turkish",
)  # fmt: skip
SPARE: Final = 5
"""Colours for cultures of the user's own; with more of them, some share one."""
MIDDLE: Final = (
    "#6b7a8a", "#239266", "#bf4a86", "#d0513c", "#b07a14", "#5577d6", "#1592a5", "#9068c8", "#808f1a",
    "#8d6e63", "#4d7f9e", "#a0527d", "#5f8a54", "#7a75b8",
)  # fmt: skip
"""For marks in charts: told apart from light and from dark paper by 3 to 1."""


def slot(culture: str) -> int:
    """Number of a culture's colour: `--c0` and on in the style sheet."""
    if culture in CULTURES:
        return CULTURES.index(culture)
    return len(CULTURES) + int(sha256(culture), 16) % SPARE


def tint(culture: str) -> str:
    """A style that gives an element and all in it the culture's colour as `--culture`."""
    return f"--culture: var(--c{slot(culture)})"


def mark(culture: str) -> str:
    """The colour of a culture's marks in a chart."""
    return MIDDLE[slot(culture)]
