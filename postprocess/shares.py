"""Opinions that say how many people hold a view, held against how many do: seed questions only, by the survey's counts.

Code reads the amount and the country; a judge says which side of the scale the amount is claimed of. What cannot be
read surely is left unchecked: nothing is refuted on a guess.
"""

import asyncio
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from pydantic import Field

from culturepark.personas.language import ENGLISH, serving
from culturepark.personas.question import Question, Side
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import Distribution, Survey
from culturepark.postprocess.claims import claim
from culturepark.postprocess.judge import Judge
from culturepark.postprocess.opinion import Opinion, ShareCheck
from culturepark.postprocess.rows import countries_in
from culturepark.runtime.record import Record, build, parse_yaml

PERCENT_WITHIN = 0.1
"""How far a percentage said in a talk may be from the survey's, as a fraction of the people."""
SURE = 1.96
"""Standard errors of the survey's share that a claim is given the benefit of."""


class Amount(Record):
    """Phrases for one amount."""

    least: float = Field(ge=0, le=1)
    most: float = Field(ge=0, le=1)
    phrases: tuple[str, ...]


class ShareWords(Record):
    """How one language speaks of amounts of people and of its own country."""

    shares: tuple[Amount, ...]
    here: tuple[str, ...]
    percent: tuple[str, ...]


async def check_share(judge: Judge, opinion: Opinion, question: Question, survey: Survey) -> Opinion:
    """Hold an opinion that says how common a view is against the survey; drop it when the counts say otherwise.

    Raises:
        ModelError: When the judge's endpoint gives no reply.
    """
    claimed = claimed_share(opinion.text, opinion.language)
    country = country_meant(opinion.text, opinion.language, own=opinion.country, survey=survey)
    known = survey.questions.get(question.id)
    if claimed is None or country is None or known is None or known.split != "seed":
        return opinion
    answers = survey.distribution(known.id, country)
    if answers is None:
        return opinion
    side, keys = await _side_meant(judge, opinion.text, known)
    if side is None:
        return opinion.model_copy(update={"requests": (*opinion.requests, *keys)})
    share = sum(part for code, part in answers.shares.items() if known.scale.side(code) == side)
    check = ShareCheck(
        question=known.id,
        country=country,
        side=side,
        claimed=claimed,
        share=share,
        n=answers.n,
        holds=_holds(claimed, share, answers),
    )
    changes = {"share_check": check, "requests": (*opinion.requests, *keys)}
    return opinion.model_copy(update=changes if check.holds else {**changes, "dropped": "share_refuted"})


def claimed_share(text: str, language: str) -> tuple[float, float] | None:
    """The fractions of the people that a text's words allow; None where it names no amount, or several."""
    table = _table()
    served = serving(language, table)
    if served is None:
        return None
    words = table[served]
    plain = _plain(text)
    found = {_around(number) for number in _percentages(plain, words)}
    phrases = sorted(
        ((phrase, (amount.least, amount.most)) for amount in words.shares for phrase in amount.phrases),
        key=lambda one: -len(one[0]),
    )
    for phrase, amount in phrases:
        if _stands_in(phrase, plain):
            found.add(amount)
            plain = plain.replace(phrase, " ")  # a longer phrase holds shorter ones: "the vast majority"
    return found.pop() if len(found) == 1 else None


def country_meant(text: str, language: str, *, own: str, survey: Survey) -> str | None:
    """ISO code of the one surveyed country that a text names, or its speaker's own for "here"; None where unclear."""
    plain = _plain(text)
    names = {**_english_names(), **countries_in(language)}
    named = {code for code, name in names.items() if code in survey.countries and _stands_in(_plain(name), plain)}
    if named:
        return named.pop() if len(named) == 1 else None
    table = _table()
    served = serving(language, table)
    here = table[served].here if served is not None else ()
    return own if any(_stands_in(word, plain) for word in here) else None


async def _side_meant(judge: Judge, text: str, question: Question) -> tuple[Side | None, tuple[str, ...]]:
    """The side that the text says some people are on, when it says so of exactly one."""
    sides = dict.fromkeys(question.scale.side(code) for code in question.scale.codes)
    asked = [side for side in sides if side in {"below", "above"}]
    judged = await asyncio.gather(
        *(judge.implies(text, f"some people there say that {claim(question, side)}") for side in asked)
    )
    meant = [side for side, one in zip(asked, judged, strict=True) if one.verdict == "entail"]
    return meant[0] if len(meant) == 1 else None, tuple(one.key for one in judged)


def _holds(claimed: tuple[float, float], share: float, answers: Distribution) -> bool:
    error = SURE * math.sqrt(share * (1 - share) / answers.n) if answers.n else 0.0
    return claimed[0] - error <= share <= claimed[1] + error


def _around(percent: float) -> tuple[float, float]:
    return max(0.0, percent / 100 - PERCENT_WITHIN), min(1.0, percent / 100 + PERCENT_WITHIN)


def _percentages(plain: str, words: ShareWords) -> list[float]:
    """Numbers with a percent sign or word before or after them, in the digits of any script."""
    signs = "|".join(re.escape(sign) for sign in words.percent)
    numbers = re.findall(rf"(?:{signs})\s*(\d+(?:[.,٫]\d+)?)|(\d+(?:[.,٫]\d+)?)\s*(?:{signs})", plain)
    values = [float((before or after).replace(",", ".").replace("٫", ".")) for before, after in numbers]
    return [value for value in values if value <= 100]


def _stands_in(phrase: str, plain: str) -> bool:
    """Whether a phrase stands in a text, not inside a Latin word; endings may follow where languages add them."""
    if phrase.isascii() or phrase[0] < "\u0250":
        return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", plain) is not None
    return phrase in plain


def _plain(text: str) -> str:
    # Turkish İ folds to an i with a dot above it, which its small words are written without.
    return " ".join(text.casefold().replace("\u0307", "").replace("’", "'").split())


@lru_cache(maxsize=1)
def _english_names() -> Mapping[str, str]:
    return {culture.country: culture.country_name for culture in load_roster().cultures.values()}


@lru_cache(maxsize=1)
def _table() -> dict[str, ShareWords]:
    text = (files(__package__) / "shares.yaml").read_text(encoding="utf-8")
    found = {
        language: build(ShareWords, words, place=f"shares.yaml, {language}")
        for language, words in parse_yaml(text, place="shares.yaml").items()
    }
    assert ENGLISH in found
    return found
