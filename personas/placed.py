"""YAML whose every value knows its file and line, so that a mistake is shown where it was written.

Values keep their places when files are merged: a field that came from another file is still found there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from culturepark.runtime.errors import CultureParkError

DEEPEST, MOST = 6, 100_000
"""Persona files are four levels deep; aliases that repeat or contain themselves run into one of these."""
PLAIN = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
"""Tags of plain mappings and lists."""


@dataclass(frozen=True)
class Placed:
    """A YAML value with where it stands; for a field, where its name stands."""

    value: Any
    """A scalar, a `dict[str, Placed]` or a `list[Placed]`."""
    file: str
    line: int
    """From 1."""

    @property
    def place(self) -> str:
        """`file:line`, as errors begin."""
        return f"{self.file}:{self.line}"

    @property
    def fields(self) -> "dict[str, Placed]":
        """A mapping's fields; none where something else stands."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Placed]":
        """A list's items; none where something else stands."""
        return self.value if isinstance(self.value, list) else []

    @property
    def kind(self) -> str:
        """What stands here, in words for people."""
        kinds = {dict: "fields", list: "a list", str: "text", type(None): "nothing"}
        return kinds.get(type(self.value), repr(self.value))

    def plain(self) -> Any:
        """The value without places; a mapping's fields without a value (`field:` or `null`) are left out."""
        if isinstance(self.value, dict):
            return {key: field.plain() for key, field in self.value.items() if field.value is not None}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def at(self, path: Sequence[int | str]) -> "Placed":
        """The value at a path, or the deepest one that is there."""
        found = self
        for step in path:
            if isinstance(step, int) and step < len(found.items):
                found = found.items[step]
            elif isinstance(step, str) and step in found.fields:
                found = found.fields[step]
        return found


def merged(base: Placed, over: Placed) -> Placed:
    """`over` on top of `base`: mappings field by field at every depth; anything else replaces what was there."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    fields = dict(base.value)
    for key, field in over.value.items():
        fields[key] = merged(fields[key], field) if key in fields else field
    return Placed(fields, over.file, over.line)


def parse_placed(text: str, *, file: str) -> Placed:
    """Parse one YAML document with the safe loader.

    Raises:
        CultureParkError: When it is empty or not YAML, or a field stands twice; names file, line and fix.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is not None:
            return _Reader(loader, file).read(node, depth=0)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        line = mark.line + 1 if mark else 1
        raise CultureParkError(f"{file}:{line}: {problem}; correct the YAML") from None
    except RecursionError:
        raise CultureParkError(f"{file}:1: nested too deep; persona files are four levels deep") from None
    raise CultureParkError(f"{file}:1: the file is empty; write `culture:` and `personas:`, or remove it")


class _Reader:
    def __init__(self, loader: yaml.SafeLoader, file: str) -> None:
        self._loader, self._file, self._read = loader, file, 0

    def read(self, node: yaml.Node, *, depth: int, line: int | None = None) -> Placed:
        here = line or node.start_mark.line + 1
        self._read += 1
        if depth > DEEPEST or self._read > MOST:
            raise CultureParkError(f"{self._file}:{here}: nested too deep; persona files are four levels deep")
        if isinstance(node, yaml.CollectionNode) and node.tag not in PLAIN:
            raise CultureParkError(f"{self._file}:{here}: tag {node.tag!r} is not known; correct the YAML")
        if isinstance(node, yaml.MappingNode):
            return Placed(dict(self._fields(node, depth)), self._file, here)
        if isinstance(node, yaml.SequenceNode):
            return Placed([self.read(item, depth=depth + 1) for item in node.value], self._file, here)
        try:
            value = self._loader.construct_object(node)
        except ValueError as error:  # e.g. the 45th of March
            raise CultureParkError(f"{self._file}:{here}: {node.value!r}: {error}; put it in quotes") from None
        return Placed(value, self._file, here)

    def _fields(self, node: yaml.MappingNode, depth: int) -> Iterator[tuple[str, Placed]]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise CultureParkError(f"{self._file}:{line}: a field's name is one word; correct the YAML")
            if key.value in lines:
                first = lines[key.value]
                raise CultureParkError(
                    f"{self._file}:{line}: field {key.value!r} stands twice (first in line {first}); keep one"
                )
            lines[key.value] = line
        self._loader.flatten_mapping(node)  # `<<: *anchor`
        for key, value in node.value:
            yield key.value, self.read(value, depth=depth + 1, line=key.start_mark.line + 1)
