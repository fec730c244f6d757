"""How well turn checks tell languages apart: `python -m benchmarks.refinement.languages`. Needs no model.

Texts are our own: every question of the shipped survey in nine languages, and every stance as it is said to its holder.
A text is held to its own language (objections are false alarms) and to each of the others (silence is a miss), whole
and cut to its first words, since utterances may be short.
"""

import argparse
import time
from collections import Counter

from culturepark.personas.surveys.survey import load_survey
from culturepark.simulation.character import as_you
from culturepark.simulation.identify import LONG_ENOUGH, SCRIPTS, SURE, is_in

LENGTHS = (20, 30, 45, 60, 1000)
"""Letters to which texts are cut, at the end of a word."""


def texts() -> dict[str, list[str]]:
    """Distinct texts by language."""
    survey = load_survey("wvs7")
    found: dict[str, list[str]] = {
        "en": [
            text
            for question in survey.questions.values()
            for text in (question.text["en"], *(as_you(words, name="Alex") + "." for words in question.words.values()))
        ]
    }
    for language in survey.languages:
        wordings = [survey.wording(question, language) for question in survey.questions]
        found[language] = [text for wording in wordings for text in (wording.text, *wording.told.values())]
    return {language: sorted(set(all_texts)) for language, all_texts in found.items()}


def cut(text: str, letters: int) -> str:
    """The first words of a text that have at least so many letters; all of it where it is shorter."""
    words: list[str] = []
    for word in text.split():
        words.append(word)
        if sum(char.isalpha() for char in "".join(words)) >= letters:
            break
    return " ".join(words)


def main() -> None:
    """Print, for each length and language, the shares of false alarms and of misses."""
    all_texts = texts()
    print(f"texts: { ({language: len(found) for language, found in all_texts.items()}) }")
    print(f"held to their language from {LONG_ENOUGH} letters outside names, at a probability of {SURE}")
    print("| letters | language | n | false alarms | misses | missed as |")
    print("|---|---|---|---|---|---|")
    checks, begun = 0, time.perf_counter()
    for letters in LENGTHS:
        for language, found in all_texts.items():
            short = sorted({cut(text, letters) for text in found})
            alarms = sum(not is_in(text, language) for text in short)
            missed = Counter(other for text in short for other in SCRIPTS if other != language and is_in(text, other))
            pairs = len(short) * (len(SCRIPTS) - 1)
            checks += len(short) * len(SCRIPTS)
            print(
                f"| {letters} | {language} | {len(short)} | {alarms / len(short):.3f} "
                f"| {missed.total() / pairs:.3f} | {dict(missed.most_common(2))} |"
            )
    print(f"{1e3 * (time.perf_counter() - begun) / checks:.3f} ms a check")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
