"""The one shape of data at the borders: frozen, typed, closed to unknown fields."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, overload

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from culturepark.runtime.errors import CultureParkError, did_you_mean


class Record(BaseModel):
    """A frozen record. Equal records are interchangeable, so they can be hashed, stored and compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=Record)


class Shared:
    """Makes equal records one object: ten thousand talks are about thirty questions, each held once so."""

    def __init__(self) -> None:
        self._known: dict[tuple[type[Record], str], Any] = {}

    def one(self, record: R) -> R:
        """The first record that was equal to this one."""
        first: R = self._known.setdefault((type(record), record.model_dump_json()), record)
        return first

    def read(self, kind: type[R], data: Any) -> R:
        """The record of stored data, made when such data come for the first time."""
        key = (kind, json.dumps(data))
        found: R | None = self._known.get(key)
        if found is None:
            found = self._known[key] = kind.model_validate(data)
        return found


class Packed(Sequence[R]):
    """Many records of a kind in little memory: each is held as JSON, a sixth of its size, and made when asked for."""

    def __init__(self, kind: type[R], records: Iterable[R] = ()) -> None:
        self._kind = kind
        self._packed: list[bytes] = []
        self.extend(records)

    def extend(self, records: Iterable[R]) -> None:
        """Put records after those that are there."""
        self._packed.extend(map(_pack, records))

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, place: int) -> R: ...

    @overload
    def __getitem__(self, place: slice) -> list[R]: ...

    def __getitem__(self, place: int | slice) -> R | list[R]:
        if isinstance(place, slice):
            return [self._kind.model_validate_json(packed) for packed in self._packed[place]]
        return self._kind.model_validate_json(self._packed[place])

    def __setitem__(self, place: int, record: R) -> None:
        self._packed[place] = _pack(record)

    def __iter__(self) -> Iterator[R]:
        return map(self._kind.model_validate_json, self._packed)


def _pack(record: Record) -> bytes:
    return record.model_dump_json(exclude_defaults=True).encode()


def read_yaml(path: Path) -> Any:
    """Read one YAML document with the safe loader.

    Raises:
        CultureParkError: When the file is missing, unreadable, empty or not YAML; names file and line.
    """
    return parse_yaml(read_text(path), place=str(path))


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:
        CultureParkError: When it is missing or not readable as UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CultureParkError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CultureParkError(f"{path}: cannot be read as UTF-8 text ({error})") from None


def parse_yaml(text: str, *, place: str) -> Any:
    """Parse YAML text; `place` is how errors call it."""
    try:
        document = _load_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise CultureParkError(f"{place}{line}: {problem}; correct the YAML") from None
    except ValueError as error:  # a date that is none, a number of thousands of digits
        raise CultureParkError(f"{place}: {error}; correct the YAML") from None
    except RecursionError:
        raise CultureParkError(f"{place}: nested too deeply; correct the YAML") from None
    if document is None:
        raise CultureParkError(f"{place}: the file is empty")
    return document


def _load_yaml(text: str) -> Any:
    """Read by libyaml, which is ten times as fast; what it refuses is read again by the loader that explains better."""
    if yaml.__with_libyaml__:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.load(text, Loader=yaml.CSafeLoader)
    return yaml.safe_load(text)


def not_json(error: ValueError | RecursionError) -> str:
    """What is wrong with a text that is no JSON; a number of thousands of digits is of another type."""
    return f"not JSON ({getattr(error, 'msg', error)})"


def build(record: type[R], data: Any, *, place: str) -> R:
    """Make a record from outside data, turning pydantic's report into one line about `place`.

    Raises:
        CultureParkError: Names the first wrong field, what it held and what is expected.
    """
    if not isinstance(data, dict):
        raise CultureParkError(f"{place}: expected fields and values, found {type(data).__name__}")
    try:
        return record.model_validate(data)
    except ValidationError as error:
        raise CultureParkError(f"{place}: {explain(error, record)}") from None
    except UnicodeEncodeError as error:
        # Quoted in the words of a check of ours; pydantic says the same of a value itself.
        raise CultureParkError(f"{place}: {error.object!r} holds half a character; correct it") from None


def explain(error: ValidationError, record: type[Record]) -> str:
    """Say in one line what is wrong first, and how much more there is."""
    first, *more = problems(error, record)
    return first.text + (f" (and {len(more)} more)" if more else "")


class Problem(NamedTuple):
    """One wrong field."""

    location: tuple[int | str, ...]
    unknown: bool
    """Whether the record has no such field."""
    text: str


def problems(error: ValidationError, record: type[Record]) -> list[Problem]:
    """Say what is wrong; a misspelt field comes before the one that is missing because of it."""
    found = sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    return [Problem(one["loc"], one["type"] == "extra_forbidden", _words(one, record)) for one in found]


def _words(found: ErrorDetails, record: type[Record]) -> str:
    where = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        fields = _fields_at(record, found["loc"][:-1])
        name = str(found["loc"][-1])
        hint = did_you_mean(name, fields) or (f"; known: {', '.join(sorted(fields))}" if fields else "")
        return f"unknown field {where!r}{hint}"
    if found["type"] == "missing":
        return f"field {where!r} is missing"
    if found["type"] == "value_error":
        return str(found["ctx"]["error"]) if not where else f"{where}: {found['ctx']['error']}"
    return f"{where} = {found['input']!r}: {found['msg'][0].lower()}{found['msg'][1:]}"


def _fields_at(record: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    """Names of the fields at a nested location, as far as plain record types lead there."""
    model: type[BaseModel] | None = record
    for part in location:
        if isinstance(part, int) or model is None:
            continue
        field = model.model_fields.get(part)
        model = _record_in(field.annotation) if field else None
    return set(model.model_fields) if model else set()


def _record_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (found for part in getattr(annotation, "__args__", ()) if (found := _record_in(part)))
    return next(inner, None)
