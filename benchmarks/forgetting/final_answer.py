"""The final answer of a reply that may reason first. What is not plainly one final answer is none."""

from fractions import Fraction
from typing import Final

import regex

_MARKS: Final = "*_`\"'“”‘’"
_SPACE: Final = " \u00a0\u2009\u202f"
_NUMBER: Final = regex.compile(
    rf"""(?<![\w.])(?P<sign>[-−–]\s?)?(?:\p{{Sc}}\s?)?(?P<sign2>[-−])?
         (?P<whole>\d{{1,3}}(?:[,٬'’{_SPACE}]\d{{3}})+(?!\d)|\d+)?(?P<part>[.٫]\d+)?
         (?:\s?/\s?(?P<below>\d+)(?![\d/]))?(?!\w*\d|\.\d)""",
    regex.VERBOSE,
)
_STATED: Final = regex.compile(
    r"""(?:\#\#\#\#
        |\b(?:the\s+)?(?:final\s+)?answer\s*(?:is|=|:)
        |الإجابة(?:\s+النهائية)?(?:\s+هي)?\s*[::]?|উত্তর(?:\s+হলো)?\s*[::]?|(?:die\s+)?antwort(?:\s+ist|:)
        |(?:la\s+)?respuesta(?:\s+es|:)|(?:a\s+)?resposta(?:\s+é|:)|cevap\s*:|답(?:은|:)|答案(?:是|为|:|:))\s*:?\s*""",
    regex.VERBOSE | regex.IGNORECASE,
)
_BOXED: Final = regex.compile(r"\\boxed\{([^{}]*)\}")
_ENDLESS: Final = regex.compile(rf"(?:\d[,٬'’{_SPACE}]?){{40}}")
"""What a model writes that cannot stop: no number, and too long to be turned into one."""
_SENTENCE_END: Final = regex.compile(r"(?:[.!?](?=\s|$)|[。！？।])|\n")
_ALONE: Final = regex.compile(r"^\W*(?P<number>[\p{Sc}\d.,٫٬/\-−'’\s]+)(?P<unit>%|\p{L}+\.?)?\W*$")
_UNSURE: Final = regex.compile(r"^\W*(?:not|isn't|neither|unknown|either)\b", regex.IGNORECASE)


def stated(reply: str) -> str | None:
    r"""What a reply states as its final answer, to the end of the sentence or line: the last statement of one counts.

    Read are `#### …` (the layout of GSM8K), `\boxed{…}`, and "the answer is …" in several languages. None where nothing
    is stated.
    """
    found = [(hit.end(), hit) for hit in _STATED.finditer(reply)]
    boxed = [(hit.end(), hit) for hit in _BOXED.finditer(reply)]
    if boxed and (not found or boxed[-1][0] > found[-1][0]):
        return boxed[-1][1].group(1).strip()
    if not found:
        return None
    rest = reply[found[-1][0] :].lstrip(" \t\n:*_")
    if inside := _BOXED.search(rest):
        return inside.group(1).strip()
    end = _SENTENCE_END.search(rest)
    return (rest[: end.start()] if end else rest).strip()


def read_number(text: str) -> Fraction | None:
    """Read the one number of a text: signs, thousands separators, currencies, units, decimals and fractions.

    Of an equation the right side counts. Digits of any script are read. None for no number, or several different ones.

    >>> read_number("$1,234.50 a year"), read_number("3 + 4 = 7 apples"), read_number("3 or 4")
    (Fraction(2469, 2), Fraction(7, 1), None)
    """
    side = text.rpartition("=")[2].translate(str.maketrans("", "", "*_`"))
    if _ENDLESS.search(side):
        return None
    numbers = {value for hit in _NUMBER.finditer(side) if (value := _value(hit)) is not None}
    return numbers.pop() if len(numbers) == 1 else None


def final_number(reply: str) -> Fraction | None:
    """The number that a reply ends up with.

    Stated (see `stated`), or alone in the reply or its last line. The last number somewhere in the reasoning is no
    answer: it would be a guess at what the model meant.
    """
    if (said := stated(reply)) is not None:
        return None if _UNSURE.match(said) else read_number(said)
    lines = [line.strip().strip(_MARKS) for line in reply.splitlines() if line.strip()]
    if lines and (hit := _ALONE.match(lines[-1].rpartition("=")[2] if len(lines) == 1 else lines[-1])):
        return read_number(hit["number"])
    return None


def final_words(reply: str) -> str | None:
    """The words that a reply ends up with, for free answers: stated, or the whole reply if it is one line."""
    if (said := stated(reply)) is None:
        lines = [line for line in reply.splitlines() if line.strip()]
        if len(lines) != 1:
            return None
        said = lines[0]
    return plain_words(said) or None


def plain_words(text: str) -> str:
    """A free answer without case, spare spaces, emphasis and a last full stop. Brackets may be the answer, and stay."""
    words = " ".join(text.strip(_MARKS + _SPACE + "\n").casefold().split())
    return words.rstrip(".").strip(_MARKS + _SPACE)


def _value(hit: "regex.Match[str]") -> Fraction | None:
    whole, part, below = hit["whole"], hit["part"], hit["below"]
    if whole is None and part is None:
        return None
    digits = regex.sub(rf"[,٬'’{_SPACE}]", "", whole or "0")
    value = Fraction(f"{digits}{part.replace('٫', '.') if part else ''}")
    if below is not None:
        if int(below) == 0:
            return None
        value /= int(below)
    return -value if hit["sign"] or hit["sign2"] else value
