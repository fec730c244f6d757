"""What people are asked to rate: opinions and pairs drawn from every corner of a refinement, rare ones too."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Final, Literal, NamedTuple

from rapidfuzz import fuzz, process

from culturepark.personas.question import Question, Side
from culturepark.postprocess.novel import POOL
from culturepark.postprocess.opinion import Opinion, Verdict
from culturepark.runtime.hashing import seed_from, sha256
from culturepark.runtime.record import Record
from culturepark.simulation.transcript import Transcript

Pool = Literal["kept", "novel", "dropped"]
LETTERS: Final = "bcdfghjkmnpqrstvwxz"
"""Of item codes: no vowels, so no words; no digits, which a spreadsheet program may take for a number."""
CODE_LETTERS: Final = 8


class Item(Record):
    """One row of the sheets, with the key to it, which raters do not see."""

    code: str
    kind: Literal["opinion", "pair"]
    stratum: str
    stratum_size: int
    """Opinions (or pairs) of the run in the stratum."""
    stratum_drawn: int
    opinions: tuple[str, ...]
    """One id, or the two of a pair in the order they are shown."""
    texts: tuple[str, ...]
    culture: str
    country: str
    place: str
    """Where the speaker is from, in words."""
    language: str
    question: str
    asked: str
    scale: str
    """What each side of the scale means."""
    side: Side | None
    """Side of the stance the speaker was held to."""
    verdict: Verdict | None
    """Of the judge, for an opinion."""
    judge: str | None
    merged: bool | None
    """For a pair, whether one was merged into the other."""


class _Candidate(NamedTuple):
    opinions: tuple[Opinion, ...]
    merged: bool | None


def pool(opinion: Opinion) -> Pool:
    """Where a refinement put an opinion: among the samples, aside as something new, or out."""
    if opinion.dropped in {*POOL, "uncorroborated"}:
        return "novel"
    if opinion.is_verified:
        return "kept" if opinion.verdict == "entail" else "novel"
    return "dropped"


def draw_items(
    opinions: Sequence[Opinion],
    talks: Mapping[str, Transcript],
    *,
    n: int,
    seed: int,
    judge: str | None,
    raters: Sequence[str],
) -> list[Item]:
    """Draw up to `n` items, as evenly over the strata as they allow.

    Opinions are stratified by culture, verdict, side of the stance and pool; pairs by culture and whether they were
    merged. Pairs that were not merged are the removed opinion and the kept one whose words are most like it, of the
    same culture (and question, where there is one), without the one that stands for it: with merged pairs alone,
    everybody would say "same".

    Args:
        opinions: Of the last refinement.
        talks: The talks they were said in, by id.
        n: Items wanted.
        seed: Of the drawing.
        judge: Who gave the verdicts.
        raters: Who gets the sheet; codes of one sheet are never those of another.
    """
    strata = _strata(opinions)
    drawn = _evenly(strata, n=n, seed=seed)
    sizes = {name: sum(stratum == name for stratum, _ in drawn) for name in strata}
    rng = random.Random(seed_from(seed, "order in pairs"))
    salt = sha256([seed, judge, list(raters), [[name, *(one.id for one in of.opinions)] for name, of in drawn]])
    items: list[Item] = []
    for stratum, candidate in drawn:
        shown = candidate.opinions if rng.random() < 0.5 else candidate.opinions[::-1]
        own = candidate.opinions[0]
        seat = talks[own.talk].seat(own.speaker)
        question = talks[own.talk].seed
        items.append(
            Item(
                code=_code(salt, len(items)),
                kind="opinion" if candidate.merged is None else "pair",
                stratum=stratum,
                stratum_size=len(strata[stratum]),
                stratum_drawn=sizes[stratum],
                opinions=tuple(opinion.id for opinion in shown),
                texts=tuple(" ".join(opinion.text.split()) for opinion in shown),
                culture=own.culture,
                country=own.country,
                place=f"{seat.culture.people}, {seat.culture.country_name}",
                language=own.language,
                question=own.question,
                asked=_asked(question, own.language),
                scale=scale_words(question),
                side=own.stance.side if own.stance is not None else None,
                verdict=own.verdict if candidate.merged is None else None,
                judge=judge,
                merged=candidate.merged,
            )
        )
    assert len({item.code for item in items}) == len(items), "34 bits told them apart"
    return items


def scale_words(question: Question) -> str:
    """What the sides of a question's scale mean, by their labels: `below: agree strongly to agree | above: …`."""
    sides: dict[Side, list[str]] = {}
    for code in question.scale.codes:
        sides.setdefault(question.scale.side(code), []).append(question.scale.labels.get(code, str(code)))
    return " | ".join(
        f"{side}: {labels[0] if len(labels) == 1 else f'{labels[0]} to {labels[-1]}'}" for side, labels in sides.items()
    )


def _strata(opinions: Sequence[Opinion]) -> dict[str, list[_Candidate]]:
    found: dict[str, list[_Candidate]] = defaultdict(list)
    by_id = {opinion.id: opinion for opinion in opinions}
    seen: set[tuple[str, str, str]] = set()
    kept: dict[str, list[Opinion]] = defaultdict(list)
    for opinion in opinions:
        words = (opinion.culture, opinion.question, opinion.text.casefold())
        if words not in seen:  # the same words twice would be rated twice
            seen.add(words)
            side = opinion.stance.side if opinion.stance is not None else "no stance"
            name = f"{opinion.culture} {opinion.verdict or 'not judged'} {side} {pool(opinion)}"
            found[name].append(_Candidate((opinion,), None))
        if opinion.dropped is None:
            kept[opinion.culture].append(opinion)
    for opinion in opinions:
        if opinion.kept is None or opinion.kept not in by_id:
            continue
        standing = by_id[opinion.kept]
        found[f"{opinion.culture} pair merged"].append(_Candidate((opinion, standing), merged=True))
        others = [other for other in kept[opinion.culture] if other.id != standing.id]
        others = [other for other in others if other.question == opinion.question] or others
        nearest = process.extractOne(opinion.text, [other.text for other in others], scorer=fuzz.token_sort_ratio)
        if nearest is not None:
            found[f"{opinion.culture} pair not merged"].append(_Candidate((opinion, others[nearest[2]]), merged=False))
    return dict(sorted(found.items()))


def _evenly(strata: Mapping[str, Sequence[_Candidate]], *, n: int, seed: int) -> list[tuple[str, _Candidate]]:
    """Take from each stratum in turn, in an order drawn by lot, until there are enough or nothing is left."""
    left: dict[str, list[_Candidate]] = {}
    for name, candidates in strata.items():
        left[name] = list(candidates)
        random.Random(seed_from(seed, name)).shuffle(left[name])
    turns = list(left)
    random.Random(seed_from(seed, "strata")).shuffle(turns)
    drawn: list[tuple[str, _Candidate]] = []
    for name in cycle(turns):
        if len(drawn) == n or not any(left.values()):
            return drawn
        if left[name]:
            drawn.append((name, left[name].pop()))
    return drawn


def _asked(question: Question, language: str) -> str:
    own = question.text.get(language)
    english = question.text["en"]
    return english if own is None or own == english else f"{own} ({english})"


def _code(salt: str, number: int) -> str:
    """A code that tells nothing of the opinions behind it."""
    value = int(sha256([salt, number]), 16)
    letters = []
    for _ in range(CODE_LETTERS):
        value, place = divmod(value, len(LETTERS))
        letters.append(LETTERS[place])
    return "".join(letters)
