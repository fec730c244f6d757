"""Questions with counted human answers, and what a model's answer is worth beside them."""

import json
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import regex
from pydantic import Field

from culturepark.benchmarks.contamination import trained_texts
from culturepark.benchmarks.task import BenchSettings, NoDataError
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record, build, not_json
from culturepark.training.filters import text_hash

FOLDER = "knowledge"
_ARTICLES = regex.compile(r"^(?:the|a|an|el|la|los|las|un|una|der|die|das|ein|eine|o|os|as|um|uma)\s+")
_MARKS = regex.compile(r"[\p{P}\p{S}]+")
_LEADS = regex.compile(
    r"^(?:answer|respuesta|antwort|resposta|cevap|答案|답|الإجابة|উত্তর)\s*[:：]\s*", regex.IGNORECASE
)


class HumanAnswer(Record):
    """One answer in all its spellings, and how many annotators gave it."""

    answers: tuple[str, ...]
    en_answers: tuple[str, ...] = ()
    count: int = Field(ge=1)


class KnowledgeQuestion(Record):
    """One row of the BLEnD layout."""

    id: str
    country: str
    culture: str
    language: str
    topic: str
    question: str = Field(min_length=1)
    en_question: str = Field(min_length=1)
    answers: tuple[HumanAnswer, ...] = Field(min_length=1)
    idks: dict[str, int] = {}
    """Annotators who did not know, gave nothing or found it not applicable."""
    source: str = ""
    license: str = ""

    def value(self, answer: str) -> float:
        """Votes of the answer as a share of the commonest answer's votes; 0 for one that nobody gave."""
        said = normalised(answer)
        votes = max(
            (human.count for human in self.answers if said in map(normalised, (*human.answers, *human.en_answers))),
            default=0,
        )
        return votes / max(human.count for human in self.answers)


def normalised(answer: str) -> str:
    """An answer without case, marks, a leading article, spare spaces and what leads up to it; its first line only.

    Diacritics stay: they tell words apart in most of the languages here.
    """
    line = next((line for line in answer.splitlines() if line.strip()), "")
    text = unicodedata.normalize("NFKC", _LEADS.sub("", line.strip())).casefold()
    text = " ".join(_MARKS.sub(" ", text).split())
    return _ARTICLES.sub("", text)


def load_questions(settings: BenchSettings) -> tuple[list[KnowledgeQuestion], list[str]]:
    """Questions of every file in the folder `knowledge` of the data, and what is wrong with those that are left out.

    Raises:
        NoDataError: When there is no such folder, or nothing in it.
    """
    folder = Path(settings.data or ".") / FOLDER
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        where = f"{folder}: no *.jsonl there" if settings.data else "no --data is given"
        raise NoDataError(
            f"knowledge: {where}; name a folder that holds {FOLDER}/*.jsonl as docs/bench.md lays them out"
        )
    trained = trained_texts(settings)
    questions: list[KnowledgeQuestion] = []
    problems: list[str] = []
    for path in files:
        try:
            found = _read(path)
        except CultureParkError as error:
            problems.append(str(error))
            continue
        clean = [one for one in found if not {text_hash(one.question), text_hash(one.en_question)} & trained]
        if len(clean) < len(found):
            problems.append(
                f"{path}: {len(found) - len(clean)} questions were trained on and are left out; train without them"
            )
        questions += [one for one in clean if settings.wants(one.culture)]
    return _limited(questions, settings.limit), problems


def _read(path: Path) -> list[KnowledgeQuestion]:
    questions: dict[str, KnowledgeQuestion] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CultureParkError(f"{path}: cannot be read ({error}); save it as UTF-8") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CultureParkError(f"{place}: {not_json(error)}; mend that line") from None
        question = build(KnowledgeQuestion, raw, place=place)
        if question.id in questions:
            raise CultureParkError(f"{place}, column 'id': {question.id!r} is there twice; leave one of them out")
        questions[question.id] = question
    if not questions:
        raise CultureParkError(f"{path}: holds no question; leave the file out")
    return list(questions.values())


def _limited(questions: Sequence[KnowledgeQuestion], limit: int | None) -> list[KnowledgeQuestion]:
    """At most so many, countries by turns."""
    if limit is None:
        return list(questions)
    turns: Counter[str] = Counter()
    placed = []
    for one in questions:
        placed.append((turns[one.country], one.country, one))
        turns[one.country] += 1
    return [one for _, _, one in sorted(placed, key=lambda entry: entry[:2])[:limit]]
