"""Whether a text is in a language: by its script, and among languages of the Latin script by its letters."""

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from culturepark.personas.language import primary

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

SCRIPTS = {"en": "LATIN", "de": "LATIN", "es": "LATIN", "pt": "LATIN", "tr": "LATIN", "ar": "ARABIC",
           "bn": "BENGALI", "zh": "CJK", "ko": "HANGUL"}  # fmt: skip
OWN_SCRIPT_FROM = 0.6
LATIN = tuple(sorted(language for language, script in SCRIPTS.items() if script == "LATIN"))
LONG_ENOUGH = 25
"""Letters, names left out, from which a text is held to its language: shorter ones are yes and no."""
SURE = 0.9
"""Probability from which another language is believed. Measured with `python -m benchmarks.refinement.languages`."""


def is_in(text: str, language: str) -> bool:
    """Whether a text may be in a language; a short or doubtful text is not objected to, nor an unknown language."""
    own = primary(language)
    letters = "".join(filter(str.isalpha, text))
    if own not in SCRIPTS or not letters:
        return True
    script = SCRIPTS[own]
    plain = script == "LATIN" and text.isascii()
    if not plain and sum(_script(char).startswith(script) for char in letters) / len(letters) < OWN_SCRIPT_FROM:
        return False
    if own not in LATIN:
        return True
    # Names tell where somebody comes from, not what they speak: words that begin with a capital letter are left out,
    # German nouns among them, and the small words that stay are enough.
    small = " ".join(word for word in text.split() if not word.lstrip("\"'“«„(¿¡")[:1].isupper())
    if sum(map(str.isalpha, small)) < LONG_ENOUGH:
        return True
    likeliest, probability = identify(small)
    return likeliest == own or probability < SURE


@lru_cache(maxsize=20_000)
def _script(char: str) -> str:
    """A character's Unicode name, which begins with its script."""
    return unicodedata.name(char, "")


def identify(text: str) -> tuple[str, float]:
    """The likeliest language of `LATIN`, with its probability in [0, 1]."""
    found: tuple[str, float] = _identifier().classify(text)
    return found


@lru_cache(maxsize=1)
def _identifier() -> "LanguageIdentifier":
    # 4.6 MB and 0.8 s to load, so only when a text is looked at; lingua is surer of single words and weighs 96 MB.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LATIN)
    # Rows are looked up, and half precision by columns is read three times as slowly; the numbers are the same.
    identifier.nb_ptc = np.ascontiguousarray(identifier.nb_ptc, dtype=np.float32)
    return identifier
