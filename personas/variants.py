"""One persona as several: every combination of the values that its `variants:` list, filled into its texts."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from culturepark.personas.finding import Finding, finding
from culturepark.personas.persona import TRAIT_NAME, Trait
from culturepark.personas.placed import Placed
from culturepark.runtime.errors import did_you_mean

FIELDS = ("name", "gender")
"""Fields that can be varied; every other key of `variants` is a trait."""
TEXTS = ("background", "instructions")
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


def combinations(persona: Placed, findings: list[Finding]) -> Iterator[dict[str, Trait]]:
    """Yield what varies, one combination a persona; a single empty one without `variants`.

    The last key changes fastest. What is wrong goes into `findings`, and then nothing is yielded.
    """
    variants = persona.fields.get("variants")
    if variants is None or variants.value is None:
        yield {}
        return
    wrong = list(_wrong(variants))
    findings += wrong
    if not wrong:
        names = list(variants.fields)
        for values in product(*(field.items for field in variants.fields.values())):
            yield dict(zip(names, (value.value for value in values), strict=True))


def _wrong(variants: Placed) -> Iterator[Finding]:
    example = "write a list of values for each, e.g. `variants: {age: [25, 60]}`"
    if not variants.fields:
        yield finding(variants, "variants", f"`variants:` is {variants.kind} without any key", example)
    for name, values in variants.fields.items():
        if not TRAIT_NAME.match(name):
            yield finding(values, "variants", f"{name!r} is no name of a field or trait", "use a-z, 0-9 and _")
        if name in {*TEXTS, "culture", "extends", "traits", "variants"}:
            fix = f"vary name, gender or a trait, and mention the trait in the text, e.g. `{name}: She is {{age}}.`"
            yield finding(values, "variants", f"{name!r} cannot be varied", fix)
        if not values.items:
            yield finding(values, "variants", f"{name!r} has no list of values", example)
        for value in values.items:
            if isinstance(value.value, bool) or not isinstance(value.value, int | str):
                what = f"{name}: {value.kind} is neither text nor a whole number"
                yield finding(value, "variants", what, "put it in quotes")


def filled(persona: Placed, fields: dict[str, Any], findings: list[Finding]) -> dict[str, Any]:
    """Put traits and name into the texts where `{trait}` stands; `{{` and `}}` are single braces."""
    known = {**fields.get("traits", {}), "name": fields.get("name"), "gender": fields.get("gender")}
    return {
        **fields,
        **{text: _fill(fields[text], known, persona, text, findings) for text in TEXTS if text in fields},
    }


def mentioned(text: str) -> set[str]:
    """The names that stand in braces in a text."""
    return {match[1] for match in PLACEHOLDER.finditer(text) if match[1]}


def _fill(text: Any, known: Mapping[str, Any], persona: Placed, field: str, findings: list[Finding]) -> Any:
    if not isinstance(text, str):
        return text
    for name in sorted(mentioned(text) - set(known)):
        hint = did_you_mean(name, known).removeprefix("; ")
        fix = hint or f"add it to `traits:`, or write {{{{{name}}}}} for braces"
        findings.append(finding(persona.at([field]), "placeholder", f"{field} mentions {{{name}}}, no trait", fix))
    return PLACEHOLDER.sub(lambda match: str(known.get(match[1], match[0])) if match[1] else match[0][0], text)
