"""The voice of a sample: first person where its speaker gives a view of their own, by a model and never by replacement.

Code says who speaks where a pronoun or a verb tells; the rest is put into the first person by a model, and kept so only
when the texts imply each other. Failing that the text stays as it was said, and the opinion says `third`.
"""

import asyncio
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple, cast

from culturepark.personas.language import serving
from culturepark.postprocess.judge import Judge
from culturepark.postprocess.opinion import Opinion, Rewrite
from culturepark.postprocess.reword import reword
from culturepark.postprocess.swaps import WORD
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.record import parse_yaml

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」|『[^』]*』")
"""What somebody else says inside a text tells nothing about who speaks."""
PARTS = ("zh",)
"""Languages written without spaces, whose words are looked for as parts."""


class _Words(NamedTuple):
    exact: frozenset[str]
    endings: tuple[str, ...]
    parts: tuple[str, ...]


def speaks_first(text: str, language: str) -> bool | None:
    """Whether a text is in the first person; None for a language that `first_person.yaml` does not have."""
    table = _table()
    served = serving(language, table)
    if served is None:
        return None
    words = table[served]
    plain = unicodedata.normalize("NFC", _QUOTED.sub(" ", text)).casefold().replace("’", "'")
    plain = plain.replace("\u0307", "")  # Turkish İ folds to an i with a dot above it, which breaks the word in two
    said = {part for word in WORD.findall(plain) for part in (word, word.partition("'")[0])}
    return (
        not said.isdisjoint(words.exact)
        or any(word.endswith(words.endings) for word in said if words.endings)
        or any(part in plain for part in words.parts)
    )


def with_voice(opinion: Opinion) -> Opinion:
    """Say who speaks in an opinion, as far as code can tell; where it cannot, nothing is claimed of it."""
    first = speaks_first(opinion.text, opinion.language)
    return opinion.model_copy(update={"voice": "first" if first else "third"})


async def voice_opinion(writer: LedgerChatModel, judge: Judge, opinion: Opinion, name: str) -> Opinion:
    """Say who speaks in an opinion, and have a view of its speaker's own put into the first person.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    as_said = with_voice(opinion)
    if as_said.voice == "first" or opinion.about != "own":
        return as_said
    found = await reword(writer, "voice", opinion.text, language=opinion.language, person=name)
    requests = (*opinion.requests, *found.keys)
    there = back = None
    kept = False
    if found.text is not None and speaks_first(found.text, opinion.language) is not False:
        before = f"{name} says: {opinion.text}"
        after = f"{name} says: {found.text}"
        one, other = await asyncio.gather(judge.implies(before, after), judge.implies(after, before))
        there, back = one.verdict, other.verdict
        kept = there == back == "entail"
        requests = (*requests, one.key, other.key)
    tried = Rewrite(aim="first_person", before=opinion.text, after=found.text, verdicts=(there, back), kept=kept)
    changes = {"rewrites": (*opinion.rewrites, tried), "requests": requests, "voice": "first" if kept else "third"}
    if kept:
        changes["text"] = cast(str, found.text)
    return opinion.model_copy(update=changes)


@lru_cache(maxsize=1)
def _table() -> dict[str, _Words]:
    text = unicodedata.normalize("NFC", (files(__package__) / "first_person.yaml").read_text(encoding="utf-8"))
    listed = cast("dict[str, list[str]]", parse_yaml(text, place="first_person.yaml"))
    return {language: _words(language, words) for language, words in listed.items()}


def _words(language: str, words: list[str]) -> _Words:
    if language in PARTS:
        return _Words(frozenset(), (), tuple(words))
    endings = tuple(word[1:] for word in words if word.startswith("*"))
    return _Words(frozenset(word for word in words if not word.startswith("*")), endings, ())
