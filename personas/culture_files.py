"""Culture files as written: read with line numbers, a user's laid over the shipped ones, nothing inherited yet."""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from culturepark.personas.finding import Finding, finding
from culturepark.personas.persona import ascii_name
from culturepark.personas.placed import Placed, merged, parse_placed
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.record import read_text

SHIPPED_AS = "personas/cultures"
"""How the shipped files are called in errors: where they stand in the source tree."""
FIELDS = ("culture", "personas", "replace")
SHAPE = "write `culture:` with its fields and `personas:` with a list"


class CultureEntry(NamedTuple):
    """One culture with every file about it laid on top of each other."""

    culture: Placed
    personas: dict[str, Placed]
    """By agent id, in the order of the files; overridden ones keep their place."""


class Written(NamedTuple):
    """All culture files."""

    cultures: dict[str, CultureEntry]
    findings: tuple[Finding, ...]
    """What could not be read; those parts are left out of `cultures`."""


def read_cultures(folders: Sequence[Path] = ()) -> Written:
    """Read the shipped files and those of `folders`, later ones over earlier ones.

    A file about a culture that is there already overrides single fields and personas of it and adds new ones; with
    `replace: true` it takes the culture's place as a whole.

    Raises:
        CultureParkError: For a folder that is missing or holds no persona file.
    """
    cultures: dict[str, CultureEntry] = {}
    findings: list[Finding] = []
    for name, text in [*_shipped(), *_of_users(folders, findings)]:
        try:
            root = parse_placed(text, file=name)
        except CultureParkError as error:
            findings.append(_unreadable(name, error))
            continue
        _lay(root, cultures, findings)
    faulty = {one.file for one in findings}
    findings += [
        finding(entry.culture, "shape", "a culture without personas", "add a list `personas:`")
        for entry in cultures.values()
        if not entry.personas and entry.culture.file not in faulty
    ]
    return Written(cultures, tuple(findings))


def persona_files(folder: Path) -> list[Path]:
    """The culture files of a user's folder, sorted by name.

    Raises:
        CultureParkError: When there is no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise CultureParkError(f"{folder}: there is no such folder of persona files")
    found = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"} and path.is_file())
    if not found:
        raise CultureParkError(f"{folder}: no persona file in it; a culture is one file, e.g. {folder / 'greek.yaml'}")
    return found


def _shipped() -> list[tuple[str, str]]:
    folder = files(__package__) / "cultures"
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return [(f"{SHIPPED_AS}/{file.name}", file.read_text(encoding="utf-8")) for file in found]


def _of_users(folders: Iterable[Path], findings: list[Finding]) -> list[tuple[str, str]]:
    found = []
    for path in [path for folder in folders for path in persona_files(folder)]:
        try:
            found.append((str(path), read_text(path)))
        except CultureParkError as error:
            findings.append(_unreadable(str(path), error))
    return found


def _unreadable(file: str, error: CultureParkError) -> Finding:
    """Take an error's line apart again: `file:line: what; fix`."""
    line, _, text = str(error).removeprefix(f"{file}:").partition(": ")
    number, text = (int(line), text) if line.isdigit() else (1, f"{line.strip()}{': ' if text else ''}{text}")
    what, _, fix = text.rpartition("; ")
    return Finding(file=file, line=number, level="error", rule="yaml", what=what or text, fix=fix or "save it as UTF-8")


def _lay(root: Placed, cultures: dict[str, CultureEntry], findings: list[Finding]) -> None:
    """Put one file on top of what is known of its culture."""
    if not isinstance(root.value, dict):
        findings.append(finding(root, "shape", f"expected fields, found {root.kind}", SHAPE))
        return
    for name in root.fields.keys() - set(FIELDS):
        hint = did_you_mean(name, FIELDS).removeprefix("; ") or f"known: {', '.join(FIELDS)}"
        findings.append(finding(root.fields[name], "unknown_field", f"unknown field {name!r}", hint))
    culture = root.fields.get("culture")
    if culture is None:
        findings.append(finding(root, "shape", "no `culture:`", SHAPE))
        return
    if not isinstance(culture.value, dict):
        fix = "write its fields, e.g. `culture: {id: greek, …}`"
        findings.append(finding(culture, "shape", f"`culture:` is {culture.kind}, not fields", fix))
        return
    named = culture.fields.get("id")
    if named is None or not isinstance(named.value, str):
        findings.append(finding(named or culture, "shape", "the culture has no `id:`", "give it one, e.g. `id: greek`"))
        return
    replace = root.fields.get("replace")
    if replace is not None and not isinstance(replace.value, bool):
        findings.append(finding(replace, "shape", f"`replace:` is {replace.kind}", "write true or leave it out"))
    before = None if replace is not None and replace.value is True else cultures.get(named.value)
    personas = dict(before.personas) if before else {}
    for key, persona in _people(root, named.value, findings).items():
        personas[key] = merged(personas[key], persona) if key in personas else persona
    cultures[named.value] = CultureEntry(merged(before.culture, culture) if before else culture, personas)


def _people(root: Placed, culture: str, findings: list[Finding]) -> dict[str, Placed]:
    """The personas of one file by agent id."""
    listed = root.fields.get("personas")
    if listed is None or listed.value is None:
        return {}
    if not isinstance(listed.value, list):
        fix = "make it a list: begin each person with `- `"
        findings.append(finding(listed, "shape", f"`personas:` is {listed.kind}, not a list", fix))
        return {}
    people: dict[str, Placed] = {}
    for entry in listed.items:
        name = entry.fields.get("name")
        if not isinstance(entry.value, dict):
            fix = "write `- {name: …, gender: …}`"
            findings.append(finding(entry, "shape", f"a persona is fields, not {entry.kind}", fix))
        elif name is None or not isinstance(name.value, str):
            findings.append(finding(name or entry, "shape", "a persona without a name", "add `name:`"))
        else:
            try:
                key = f"{culture}_{ascii_name(name.value)}"
            except ValueError as error:
                what, _, fix = str(error).rpartition("; ")
                findings.append(finding(name, "name", what, fix))
                continue
            if key in people:
                what = f"two personas have the id {key!r} (the other in line {people[key].line})"
                findings.append(finding(entry, "same_id", what, "rename one"))
            else:
                people[key] = entry
    return people
