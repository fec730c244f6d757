"""The chat row of a sample: who answers, the survey question, the opinion, all in the language it was said in."""

from functools import lru_cache
from importlib.resources import files

from culturepark.personas.culture import Culture
from culturepark.personas.language import serving
from culturepark.personas.question import Question
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record, build, parse_yaml
from culturepark.runtime.request import Message


class RowWords(Record):
    """How a row is worded in one language."""

    system: str
    statement: str
    """Puts a statement people rated as a question to answer."""
    countries: dict[str, str] = {}
    """Names by ISO code, where the language has its own."""


def chat_row(text: str, *, question: Question, culture: Culture, language: str) -> tuple[Message, ...]:
    """Word a row in a language.

    Raises:
        CultureParkError: When `rows.yaml` or the question is not in that language.
    """
    words = _words(language)
    asked = question.text_in(language)
    return (
        speaks_as(culture, language),
        Message(role="user", content=asked if question.form == "question" else words.statement.format(text=asked)),
        Message(role="assistant", content=text),
    )


def speaks_as(culture: Culture, language: str) -> Message:
    """The system prompt of a row: which country is answered for.

    Raises:
        CultureParkError: When `rows.yaml` is not in that language.
    """
    words = _words(language)
    country = words.countries.get(culture.country, culture.country_name)
    return Message(role="system", content=words.system.format(country=country))


def countries_in(language: str) -> dict[str, str]:
    """Names of countries by ISO code in a language; none where `rows.yaml` writes none."""
    served = serving(language, _table())
    return {} if served is None else _table()[served].countries


def _words(language: str) -> RowWords:
    table = _table()
    served = serving(language, table)
    if served is None:
        raise CultureParkError(
            f"rows.yaml: no words for samples in {language!r}; it has: {', '.join(sorted(table))}; add them there"
        )
    return table[served]


@lru_cache(maxsize=1)
def _table() -> dict[str, RowWords]:
    text = (files(__package__) / "rows.yaml").read_text(encoding="utf-8")
    return {
        language: build(RowWords, words, place=f"rows.yaml, {language}")
        for language, words in parse_yaml(text, place="rows.yaml").items()
    }
