"""`--protocol-arg key=value`, as every command that takes a protocol reads it."""

from collections.abc import Sequence

from pydantic import JsonValue

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import parse_yaml


def parse_arguments(pairs: Sequence[str]) -> dict[str, JsonValue]:
    """Read `key=value` pairs, values as YAML: `turns=6` is a number, `opener=delegate` a text.

    Raises:
        CultureParkError: For a pair without `=` or value.
    """
    found: dict[str, JsonValue] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not value:
            raise CultureParkError(f"--protocol-arg {pair!r} is not key=value")
        found[key] = parse_yaml(value, place=f"--protocol-arg {key}")
    return found
