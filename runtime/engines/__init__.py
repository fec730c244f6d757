"""Where pieces of work are done: in this process, or on the workers of a Ray cluster."""

from typing import TYPE_CHECKING

from culturepark.runtime.lazy import contents

if TYPE_CHECKING:
    from culturepark.runtime.engines.base import LOCAL, Engine
    from culturepark.runtime.engines.opening import Chosen, check_engine, choose_engine, open_engine

__all__ = ["LOCAL", "Chosen", "Engine", "check_engine", "choose_engine", "open_engine"]

__getattr__ = contents(
    __name__,
    {
        "LOCAL": "base",
        "Chosen": "opening",
        "Engine": "base",
        "check_engine": "opening",
        "choose_engine": "opening",
        "open_engine": "opening",
    },
)
