"""Protocols and personas at the drawing board: texts tried, checked, linted and saved."""

import ast
import asyncio
import re
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import sqlalchemy as sa

from culturepark.personas.finding import Finding
from culturepark.personas.lint import lint
from culturepark.personas.surveys.survey import load_survey
from culturepark.protocols.arguments import parse_arguments
from culturepark.protocols.script import ScriptFactory
from culturepark.protocols.trial import Step, drive, echo, naming, trial_cast
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import is_run, looking
from culturepark.runtime.record import parse_yaml
from culturepark.runtime.whole_file import whole_file
from culturepark.simulation.talk_rows import TalkRow
from culturepark.studio.commanding import command, document

EDITOR: Final = "the script"
"""How mistakes call the text that is being edited."""
LONGEST: Final = 40
"""Turns tried at most."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
YAML: Final = "*.yaml"


class Cued(NamedTuple):
    """One turn of a trial."""

    turn: int
    speaker: str
    culture: str
    heard_by: str
    guidance: str
    note: str


class Tried(NamedTuple):
    """What a protocol does when everybody says a placeholder line."""

    cues: tuple[Cued, ...]
    ended: bool
    """Whether it ended the talk itself."""


class Checked(NamedTuple):
    """One promise of the conformance kit."""

    check: str
    promise: str
    passed: bool | None
    """None where it was not tried."""
    broken: tuple[str, ...]


def shipped_scripts() -> dict[str, str]:
    """The shipped protocols that are scripts, as texts to begin with."""
    return _texts("culturepark.protocols", "scripts")


def shipped_cultures() -> dict[str, str]:
    """The shipped culture files, as texts to begin with."""
    return _texts("culturepark.personas", "cultures")


def own_files(folder: Path, holding: str) -> dict[str, str]:
    """YAML files of the folder and one folder below that hold a field: `rounds` of scripts, `personas` of people."""
    found = {}
    for path in _own(folder, YAML):
        text = path.read_text(encoding="utf-8", errors="replace")
        if re.search(rf"^{holding}:", text, re.MULTILINE):
            found[str(path.relative_to(folder))] = text
    return found


def python_protocols(folder: Path) -> list[str]:
    """Protocol classes of the folder's Python files as `./file.py:Class`; the files are read and not run."""
    found = []
    for path in _own(folder, "*.py"):
        try:
            body = ast.parse(path.read_text(encoding="utf-8")).body
        except (SyntaxError, UnicodeDecodeError):
            continue
        found += [
            f"./{path.relative_to(folder)}:{node.name}"
            for node in body
            if isinstance(node, ast.ClassDef) and any(getattr(item, "name", "") == "next_cue" for item in node.body)
        ]
    return found


def try_script(text: str, *, seats: int, arguments: str = "") -> Tried:
    """Drive a script without a model.

    Raises:
        CultureParkError: Names the line or field that is wrong.
    """
    protocol = ScriptFactory(text, place=EDITOR)
    cast_ = trial_cast(seats)
    known = protocol.script.arguments
    given = parse_arguments(arguments.split())
    for name in given:
        if name not in known and name != "opener":
            raise CultureParkError(f"the script takes no argument {name!r}; it takes: {', '.join((*known, 'opener'))}")
    made = protocol(**cast("dict[str, Any]", given))
    steps, ended = asyncio.run(drive(made, cast_.scene(asker=naming(cast_.seats)), say=echo, limit=LONGEST))
    return Tried(tuple(_cued(step) for step in steps), ended)


def try_python(name: str, *, seats: int, arguments: str = "", folder: Path) -> Tried:
    """Drive a protocol of a Python file, in a process of its own.

    Raises:
        CultureParkError: As `culturepark protocols try` says it.
    """
    given = [part for pair in arguments.split() for part in ("--protocol-arg", pair)]
    found = document("protocols", "try", name, "--seats", str(seats), "--limit", str(LONGEST), *given, folder=folder)
    cultures = {seat.id: seat.culture.id for seat in trial_cast(seats).seats}
    cues = tuple(
        Cued(
            one["turn"],
            one["speaker"],
            cultures.get(one["speaker"], ""),
            _heard_by(one["guidance"], private=one["private"]),
            one["guidance"] or "",
            "; ".join([*(f"model: {ask['answer']}" for ask in one["asks"]), *([one["note"]] if one["note"] else [])]),
        )
        for one in found["turns"]
    )
    return Tried(cues, found["ended"])


def check(name: str, *, arguments: str = "", folder: Path) -> list[Checked]:
    """Run the conformance kit on a protocol that can be named, in a process of its own.

    Raises:
        CultureParkError: As `culturepark protocols check` says it.
    """
    given = [part for pair in arguments.split() for part in ("--protocol-arg", pair)]
    found = document("protocols", "check", name, *given, folder=folder)
    return [
        Checked(
            one["check"],
            one["promise"],
            one["passed"],
            tuple(f"{broken['cast']}, turn {broken['turn']}: {broken['why']}" for broken in one["broken"]),
        )
        for one in found["checks"]
    ]


def check_script(text: str, *, arguments: str = "") -> list[Checked]:
    """Run the conformance kit on a script that is being edited.

    Raises:
        CultureParkError: As `culturepark protocols check` says it.
    """
    with tempfile.TemporaryDirectory(prefix="culturepark-design-") as folder:
        Path(folder, "script.yaml").write_text(text, encoding="utf-8")
        return check("./script.yaml", arguments=arguments, folder=Path(folder))


def lint_people(text: str) -> list[Finding]:
    """Check a culture file that is being edited, together with what ships."""
    with tempfile.TemporaryDirectory(prefix="culturepark-design-") as folder:
        Path(folder, "people.yaml").write_text(text, encoding="utf-8")
        return list(lint([Path(folder)], load_survey("wvs7")))


def save(folder: Path, name: str, text: str) -> Path:
    """Write a YAML text into a folder, which is made if need be.

    Raises:
        CultureParkError: For a name that is no plain one, an empty text, or a folder that cannot be written.
    """
    if not NAME.fullmatch(name):
        raise CultureParkError(
            f"{name!r} cannot name a file here; write small letters, digits and hyphens, e.g. my-rounds"
        )
    parse_yaml(text, place=EDITOR)
    path = folder / f"{name}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be written ({error.strerror})") from None
    return path


class Trial(NamedTuple):
    """A talk to be held under a protocol that is being designed."""

    protocol: str
    """`script.yaml` or `file.py:Class`, with its whole path."""
    arguments: str
    culture: str
    question: str
    model: str
    base_url: str

    def simulate(self, run: Path, *, folder: Path) -> None:
        """Hold it; blocks until it is over.

        Raises:
            CultureParkError: As `culturepark simulate` says it.
        """
        options: Mapping[str, str] = {
            "--run": str(run.resolve()),
            "--protocol": self.protocol,
            "--culture": self.culture,
            "--question": self.question,
            "--model": self.model,
            "--base-url": self.base_url,
        }
        given = [part for name, value in options.items() if value for part in (name, value)]
        given += [part for pair in self.arguments.split() for part in ("--protocol-arg", pair)]
        command("simulate", *given, "--limit", "1", folder=folder, patience=None)


def latest_talk(run: Path, protocol: str) -> str | None:
    """The talk that was planned last under a protocol; None before there is one."""
    if not is_run(run):
        return None
    table = cast(sa.Table, TalkRow.__table__)
    query = sa.select(table.c.id).where(table.c.protocol == protocol)
    with looking(run) as store, store.engine.connect() as connection:
        return connection.scalar(
            query.where(table.c.run_id == store.run_id).order_by(sa.literal_column("rowid").desc())
        )


def _texts(package: str, folder: str) -> dict[str, str]:
    found = sorted((files(package) / folder).iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".yaml"): file.read_text("utf-8") for file in found if file.name.endswith(".yaml")}


def _own(folder: Path, pattern: str) -> Iterator[Path]:
    yield from sorted(folder.glob(pattern))
    yield from sorted(path for path in folder.glob(f"*/{pattern}") if not is_run(path.parent))


def _cued(step: Step) -> Cued:
    cue = step.cue
    answers = [f"model: {ask.answer}" for ask in step.turn.asks]
    return Cued(
        step.turn.index,
        cue.speaker.id,
        cue.speaker.culture.id,
        _heard_by(cue.guidance, private=cue.private),
        cue.guidance or "",
        "; ".join([*answers, *([cue.note] if cue.note else [])]),
    )


def _heard_by(guidance: str | None, *, private: bool) -> str:
    if guidance is None:
        return "nobody"
    return "the speaker" if private else "all"
