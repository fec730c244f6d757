"""The table of protocols, and how a name, with arguments, becomes one that can be asked."""

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, cast

from pydantic import JsonValue

from culturepark.protocols.base import TurnProtocol
from culturepark.protocols.free_chat import FreeChat
from culturepark.protocols.self_guidance import SelfGuidance
from culturepark.runtime.errors import CultureParkError, did_you_mean, unknown

PROTOCOLS: Mapping[str, Callable[..., TurnProtocol]] = {
    "free-chat": FreeChat,
    "self-guidance": SelfGuidance,
}
ENTRY_POINTS = "culturepark.protocols"


class LoadedProtocol(NamedTuple):
    """A protocol ready to be asked, with what identifies it."""

    protocol: TurnProtocol
    name: str
    args: dict[str, JsonValue]
    sha256: str
    """Hash of the source file, so that an edited protocol makes new talks."""


def load_protocol(name: str, args: Mapping[str, JsonValue] | None = None) -> LoadedProtocol:
    """Load a protocol by its name, an entry point's name, or `path/to/file.py:ClassName`.

    A file is Python code and is executed: load only what you trust.

    Raises:
        CultureParkError: For an unknown name, a file that cannot be imported, or arguments it does not take.
    """
    given = dict(args or {})
    factory, source = _find(name)
    known = inspect.signature(factory).parameters
    for argument in given:
        if argument not in known:
            hint = did_you_mean(argument, known) or f"; it takes: {', '.join(known) or 'nothing'}"
            raise CultureParkError(f"protocol {name!r} takes no argument {argument!r}{hint}")
    try:
        protocol = factory(**given)
    except (TypeError, ValueError) as error:
        raise CultureParkError(f"protocol {name!r} with {given}: {error}") from None
    if not callable(getattr(protocol, "next_cue", None)):
        raise CultureParkError(f"protocol {name!r} has no method next_cue(scene)")
    return LoadedProtocol(protocol, name, given, hashlib.sha256(source).hexdigest())


def _find(name: str) -> tuple[Callable[..., TurnProtocol], bytes]:
    if name in PROTOCOLS:
        factory = PROTOCOLS[name]
        return factory, Path(inspect.getfile(factory)).read_bytes()
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _from_file(Path(path), attribute)
    plugins = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name in plugins:
        factory = cast("Callable[..., TurnProtocol]", plugins[name].load())
        return factory, Path(inspect.getfile(factory)).read_bytes()
    raise unknown("protocol", name, {*PROTOCOLS, *plugins})


def _from_file(path: Path, attribute: str) -> tuple[Callable[..., TurnProtocol], bytes]:
    try:
        source = path.read_bytes()
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be read ({error.strerror})") from None
    module_name = f"culturepark_protocol_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        line = error.lineno if isinstance(error, SyntaxError) else trace.tb_lineno if trace else None
        raise CultureParkError(f"{path}:{line}: {type(error).__name__}: {error}") from None
    factory = getattr(module, attribute, None)
    if factory is None:
        names = [key for key, value in vars(module).items() if hasattr(value, "next_cue")]
        raise unknown("protocol class", attribute, names, place=str(path))
    return cast("Callable[..., TurnProtocol]", factory), source
