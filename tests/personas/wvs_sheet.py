"""A made-up file in the layout of the World Values Survey wave 7 CSV: as large and as crooked as a test needs."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from culturepark.personas.surveys.wvs_file import wvs_questions


def write_wvs(
    path: Path, people: Mapping[str, int], *, seed: int = 1, weights: bool = True, missing: float = 0.1
) -> Path:
    """Write `people` respondents a country. Women give low codes, men high ones; half of all are women.

    Every tenth answer is missing, ages run from 18 to 77, education through its three groups.
    """
    questions = wvs_questions()
    rng = random.Random(seed)
    head = ["B_COUNTRY_ALPHA", *(["W_WEIGHT"] if weights else []), "Q260", "Q262", "Q275R", *questions]
    lines = [",".join(head)]
    for country, count in people.items():
        for number in range(count):
            woman = number % 2 == 1
            answers = [
                str(-1 if rng.random() < missing else _code(question.scale.codes, woman=woman, rng=rng))
                for question in questions.values()
            ]
            weight = [f"{rng.uniform(0.5, 1.5):.3f}"] if weights else []
            about = [str(1 + woman), str(18 + number % 60), str(1 + number % 3)]
            lines.append(",".join([country, *weight, *about, *answers]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _code(codes: Sequence[int], *, woman: bool, rng: random.Random) -> int:
    half = len(codes) // 2
    return rng.choice(codes[:half] if woman else codes[half:])
