"""The table of protocols, and how a name, with arguments, becomes one that can be asked."""

import hashlib
import importlib.util
import inspect
import json
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from culturepark.protocols.base import TurnProtocol
from culturepark.protocols.free_chat import FreeChat
from culturepark.protocols.script import ScriptFactory
from culturepark.protocols.selector import Selector
from culturepark.runtime.errors import CultureParkError, did_you_mean, unknown

Factory = Callable[..., TurnProtocol]
Kind = Literal["class", "script", "entry point", "file"]

PROTOCOLS: Mapping[str, Factory] = {
    "free-chat": FreeChat,
    "selector": Selector,
}
"""The shipped protocols that are Python; those that are rounds of guidance are scripts in `scripts/`."""
ENTRY_POINTS = "culturepark.protocols"
YAML = (".yaml", ".yml")


class LoadedProtocol(NamedTuple):
    """A protocol ready to be asked, with what identifies it."""

    protocol: TurnProtocol
    name: str
    args: dict[str, JsonValue]
    sha256: str
    """Hash of the source file, so that an edited protocol makes new talks."""
    source: str | None = None
    """Text of the file of a protocol given by its path; None for one that is installed."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process: as source, or by the name of what is installed there, too."""
        return _arrived, (self.name, self.args, self.sha256, self.source)


@dataclass(frozen=True)
class FoundProtocol:
    """Where a protocol comes from, and how to make one with arguments."""

    name: str
    kind: Kind
    factory: Factory
    source: str
    """Text of the file that it is written in."""

    @property
    def sha256(self) -> str:
        """Hash of the source file."""
        return hashlib.sha256(self.source.encode("utf-8", errors="surrogateescape")).hexdigest()

    @property
    def what(self) -> str:
        """One line about it."""
        return (inspect.getdoc(self.factory) or "").partition("\n")[0]

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """Its arguments, with types and defaults."""
        try:
            return inspect.signature(self.factory, eval_str=True).parameters
        except NameError:  # types that are imported for the type checker only
            return inspect.signature(self.factory).parameters

    @property
    def arguments(self) -> str:
        """Its arguments as `--protocol-arg` takes them, with their defaults."""
        empty = inspect.Parameter.empty
        return ", ".join(
            name if parameter.default is empty else f"{name}={parameter.default}"
            for name, parameter in self.parameters.items()
        )

    def make(self, args: Mapping[str, JsonValue] | None = None) -> TurnProtocol:
        """Make a fresh protocol.

        Raises:
            CultureParkError: For an argument it does not take, or a value that does not fit.
        """
        given, known = dict(args or {}), self.parameters
        for argument, value in given.items():
            if argument not in known:
                hint = did_you_mean(argument, known) or f"; it takes: {', '.join(known) or 'nothing'}"
                raise CultureParkError(f"protocol {self.name!r} takes no argument {argument!r}{hint}")
            if problem := _misfit(value, known[argument].annotation):
                raise CultureParkError(f"protocol {self.name!r}: {argument} = {value!r}: {problem}")
        try:
            protocol = self.factory(**given)
        except (TypeError, ValueError) as error:
            raise CultureParkError(f"protocol {self.name!r} with {given}: {error}") from None
        if not callable(getattr(protocol, "next_cue", None)):
            raise CultureParkError(f"protocol {self.name!r} has no method next_cue(scene)")
        return protocol


def load_protocol(name: str, args: Mapping[str, JsonValue] | None = None) -> LoadedProtocol:
    """Load a protocol by its name, an entry point's name, `path/to/file.py:ClassName` or `path/to/script.yaml`.

    A Python file is code and is executed: load only what you trust. A script is data.

    Raises:
        CultureParkError: For an unknown name, a file that cannot be used, or arguments it does not take.
    """
    return _loaded(find_protocol(name), args)


def _loaded(found: FoundProtocol, args: Mapping[str, JsonValue] | None) -> LoadedProtocol:
    by_path = found.kind == "file" or found.name.endswith(YAML)
    return LoadedProtocol(
        found.make(args), found.name, dict(args or {}), found.sha256, found.source if by_path else None
    )


def _arrived(name: str, args: dict[str, JsonValue], sha256: str, source: str | None) -> LoadedProtocol:
    """Make a protocol again in another process.

    Raises:
        CultureParkError: When another version of it is installed here.
    """
    if source is None:
        found = find_protocol(name)
    elif name.endswith(YAML):
        found = _script(name, source, place=name)
    else:
        path, _, attribute = name.rpartition(":")
        found = _from_source(name, Path(path), source, attribute)
    if found.sha256 != sha256:
        raise CultureParkError(f"protocol {name!r} is another version on {platform.node()}; install the same one there")
    return _loaded(found, args)


def find_protocol(name: str) -> FoundProtocol:
    """Find a protocol without making one.

    Raises:
        CultureParkError: For an unknown name, or a file that cannot be used.
    """
    if name in PROTOCOLS:
        return _written_in_python(name, "class", PROTOCOLS[name])
    if name in (scripts := _shipped_scripts()):
        return _script(name, scripts[name], place=f"{name}.yaml")
    if name.endswith(YAML):
        return _script(name, _read(Path(name)), place=name)
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _from_source(name, Path(path), _read(Path(path)), attribute)
    if name.endswith(".py"):
        raise CultureParkError(f"{name}: which class? Write {name}:NAME{_classes_hint(Path(name))}")
    plugins = _plugins()
    if name in plugins:
        return _plugin(plugins[name])
    raise unknown("protocol", name, {*PROTOCOLS, *scripts, *plugins})


def list_protocols() -> list[FoundProtocol]:
    """Every protocol that has a name, sorted by it: shipped ones and entry points of installed packages.

    Raises:
        CultureParkError: Names the entry point that cannot be loaded.
    """
    shipped = {*PROTOCOLS, *_shipped_scripts()}
    return [find_protocol(name) for name in sorted(shipped | set(_plugins()))]


def _shipped_scripts() -> dict[str, str]:
    folder = files(__package__) / "scripts"
    return {
        file.name.removesuffix(".yaml"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    }


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _plugin(point: EntryPoint) -> FoundProtocol:
    try:
        factory = cast("Factory", point.load())
        return _written_in_python(point.name, "entry point", factory)
    except Exception as error:
        package = point.dist.name if point.dist else point.value
        raise CultureParkError(
            f"protocol {point.name!r} of the installed package {package!r} ({point.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}; mend or uninstall {package!r}"
        ) from None


def _written_in_python(name: str, kind: Kind, factory: Factory) -> FoundProtocol:
    return FoundProtocol(name, kind, factory, Path(inspect.getfile(factory)).read_text(encoding="utf-8"))


def _script(name: str, text: str, *, place: str) -> FoundProtocol:
    return FoundProtocol(name, "script", ScriptFactory(text, place=place), text)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise CultureParkError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from None


def _from_source(name: str, path: Path, source: str, attribute: str) -> FoundProtocol:
    module_name = f"culturepark_protocol_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up by name
    try:
        # Compiled here: the loader would take a stale .pyc for a file that was edited twice within a second.
        exec(compile(source, str(module.__file__), "exec"), module.__dict__)
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        line = error.lineno if isinstance(error, SyntaxError) else trace.tb_lineno if trace else None
        raise CultureParkError(f"{path}:{line}: {type(error).__name__}: {error}") from None
    factory = getattr(module, attribute, None)
    if factory is None:
        names = [key for key, value in vars(module).items() if hasattr(value, "next_cue") and key != "TurnProtocol"]
        raise unknown("protocol class", attribute, names, place=str(path))
    return FoundProtocol(name, "file", cast("Factory", factory), source)


def _classes_hint(path: Path) -> str:
    """The classes of a Python file that look like protocols, found without running it."""
    import ast  # noqa: PLC0415  (only for this mistake)

    try:
        body = ast.parse(_read(path)).body
    except SyntaxError:
        return ""
    found = [
        node.name
        for node in body
        if isinstance(node, ast.ClassDef) and any(getattr(item, "name", "") == "next_cue" for item in node.body)
    ]
    return f"; it has: {', '.join(found)}" if found else ""


def _misfit(value: JsonValue, annotation: Any) -> str | None:
    """Why a value does not fit its argument's type; None where it does, or the type is not one to check."""
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        return None
    try:
        TypeAdapter(annotation).validate_json(json.dumps(value), strict=True)
    except PydanticSchemaGenerationError:
        return None
    except ValidationError as error:
        text = error.errors(include_url=False)[0]["msg"]
        return text[0].lower() + text[1:]
    return None
