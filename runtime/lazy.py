"""A package's table of contents whose chapters are read when they are opened.

`culturepark --help` must answer at once, and importing any module of a package runs its `__init__.py`.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def contents(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Make a package's `__getattr__` (PEP 562): public name to the module, within the package, that holds it."""

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return get
