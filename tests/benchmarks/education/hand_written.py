"""A survey of six questions and lessons, both written by hand: every expected number can be worked out on paper."""

import json
from pathlib import Path
from typing import Any

import pytest

QUESTIONS = """
survey: {name: tiny, title: A survey by hand, citation: nobody}
scales:
  four:
    codes: [1, 2, 3, 4]
    labels: {1: never, 2: seldom, 3: often, 4: always}
    words: {1: "says {label}", 2: "says {label}", 3: "says {label}", 4: "says {label}"}
batteries:
  - name: habits
    split: held-out
    scale: four
    form: question
    questions:
      - {id: H1, topic: one, text: {en: One?}}
      - {id: H2, topic: two, text: {en: Two?}}
      - {id: H3, topic: three, text: {en: Three?}}
      - {id: H4, topic: four, text: {en: Four?}}
      - {id: H5, topic: five, text: {en: Five?}}
  - name: talks
    split: seed
    scale: four
    form: question
    questions:
      - {id: S1, topic: six, text: {en: Six?}}
"""
COUNTS = {
    "H1": (10, 20, 30, 40),  # share 0.7, spread 4 (0.1 0.9 + 0.3 0.7 + 0.6 0.4) / 3 = 0.72
    "H2": (50, 0, 0, 50),  # 0.5, 1
    "H3": (0, 100, 0, 0),  # 0, 0
    "H4": (25, 25, 25, 25),  # 0.5, 4 (3/16 + 4/16 + 3/16) / 3 = 5/6
    "H5": (0, 7, 0, 0),  # 0, 0
    "S1": (1, 1, 1, 1),
}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The survey's folder."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "questions.yaml").write_text(QUESTIONS, encoding="utf-8")
    rows = [f"TUR,{name},{code},{count}" for name, counts in COUNTS.items() for code, count in enumerate(counts, 1)]
    (folder / "counts.csv").write_text("\n".join(["country,question,code,count", *rows]) + "\n", encoding="utf-8")
    return folder


def lesson(code: str, survey: Path, **fields: Any) -> dict[str, Any]:
    """A lesson as it stands on a line; by default both forms hold one question that the people all answered alike."""
    return {
        "schema_version": 1,
        "id": code,
        "consent": "1",
        "adult": True,
        "survey": str(survey),
        "culture": "turkish",
        "country": "TUR",
        "arm": "culture_model",
        "order": "AB",
        "status": "complete",
        "before": [{"question": "tiny:H3", "share": 0.2, "spread": 0.2}],
        "after": [{"question": "tiny:H5", "share": 0.1, "spread": 0.1}],
    } | fields


def lines(*lessons: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in lessons)


def off_by(code: str, survey: Path, arm: str, before: float, after: float, **fields: Any) -> dict[str, Any]:
    """A lesson whose guesses are off by so many tenths, in share and spread alike."""
    return lesson(
        code,
        survey,
        arm=arm,
        before=[{"question": "tiny:H3", "share": before / 10, "spread": before / 10}],
        after=[{"question": "tiny:H5", "share": after / 10, "spread": after / 10}],
        **fields,
    )
