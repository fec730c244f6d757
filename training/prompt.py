"""How a model of a culture is asked, in training and in evaluation alike: the one place that words it.

The system prompt says which country the model answers as; a model trained with it is only ever measured with it.
"""

from functools import lru_cache
from importlib.resources import files

from culturepark.personas.culture import Culture
from culturepark.personas.language import ENGLISH, primary, serving
from culturepark.personas.question import Question
from culturepark.personas.surveys.survey import Survey
from culturepark.postprocess.rows import chat_row
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import sha256
from culturepark.runtime.record import Record, build, parse_yaml
from culturepark.runtime.request import Message


class PromptWords(Record):
    """`prompt.yaml`, one language."""

    number: str
    """Asks for the number of the answer first."""


class AskedQuestion(Record):
    """A question in the language it is asked in, with the labels of its scale."""

    question: Question
    language: str
    labels: dict[int, str]
    """Of the codes that the survey labels; a ten-point scale labels only its ends."""


def question_in(survey: Survey, question: str, language: str) -> AskedQuestion:
    """Read a question, seed or held-out, in a language.

    Raises:
        CultureParkError: When the survey is not in that language.
    """
    found = survey.questions[question]
    if primary(language) == ENGLISH:
        return AskedQuestion(question=found, language=language, labels=found.scale.labels)
    words = survey.wording(question, language)
    worded = found.model_copy(
        update={
            "text": {ENGLISH: found.text[ENGLISH], words.language: words.text},
            "topics": {words.language: words.topic},
        }
    )
    return AskedQuestion(question=worded, language=language, labels=words.labels)


def open_prompt(asked: AskedQuestion, culture: Culture) -> tuple[Message, ...]:
    """Ask for an opinion in free words: system prompt and question."""
    return chat_row("", question=asked.question, culture=culture, language=asked.language)[:-1]


def scale_prompt(asked: AskedQuestion, culture: Culture, *, instruction: str | None = None) -> tuple[Message, ...]:
    """Ask for an answer on the survey's own scale: system prompt, then question, codes and labels.

    Args:
        asked: The question.
        culture: Whom the model answers as.
        instruction: Asks for the number in other words than `prompt.yaml`, for measuring how much that matters.

    Raises:
        CultureParkError: When `prompt.yaml` is not in that language.
    """
    system, user = open_prompt(asked, culture)
    options = "\n".join(_option(code, asked.labels.get(code)) for code in asked.question.scale.codes)
    text = f"{user.content}\n\n{options}\n\n{instruction or _words(asked.language).number}"
    return system, Message(role="user", content=text)


def scale_answer(code: int, reason: str = "") -> Message:
    """An answer as `scale_prompt` asks for it: the code alone on the first line, the reason below."""
    return Message(role="assistant", content=f"{code}\n{reason}" if reason else str(code))


def prompt_sha256() -> str:
    """Hash of everything that words a prompt: models trained under another one are not asked by this one."""
    rows = (files("culturepark.postprocess") / "rows.yaml").read_text(encoding="utf-8")
    return sha256([parse_yaml(rows, place="rows.yaml"), _table(), _option(1, "l"), _option(1, None)])


def _option(code: int, label: str | None) -> str:
    return f"{code}: {label}" if label else str(code)


def _words(language: str) -> PromptWords:
    table = _table()
    served = serving(language, table)
    if served is None:
        raise CultureParkError(
            f"prompt.yaml: no words for rows in {language!r}; it has: {', '.join(sorted(table))}; add them there"
        )
    return table[served]


@lru_cache(maxsize=1)
def _table() -> dict[str, PromptWords]:
    text = (files(__package__) / "prompt.yaml").read_text(encoding="utf-8")
    return {
        language: build(PromptWords, words, place=f"prompt.yaml, {language}")
        for language, words in parse_yaml(text, place="prompt.yaml").items()
    }
