"""Language tags (BCP 47): which of the known ones serves a wanted one."""

from collections.abc import Iterable

ENGLISH = "en"
"""The language in which questions, stances and prompts are kept, and from which all others are translated."""
SEVERAL = "mul"
"""ISO 639 for "multiple languages": the language of a talk in which not everybody speaks the same."""


def primary(tag: str) -> str:
    """The language without region or script: `pt` of `pt-BR`."""
    return tag.partition("-")[0]


def serving(tag: str, known: Iterable[str]) -> str | None:
    """The known tag that serves a wanted one, found as RFC 4647 looks up: `pt-BR`, then `pt`; None where none does."""
    names = set(known)
    while tag not in names:
        tag, dash, _ = tag.rpartition("-")
        if not dash:
            return None
    return tag
