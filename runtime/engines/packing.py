"""Work on its way to another process: what belongs to this one, the store and the ledgers, is left at home.

Pickle's own mechanism for that: an object outside is written as a name (`persistent_id`) and looked up on arrival.
"""

import io
import pickle
from collections.abc import Callable
from typing import Any

from ray.cloudpickle import CloudPickler

from culturepark.runtime.ledger import Door, Ledger
from culturepark.runtime.store import Store


def pack(work: Callable[..., Any]) -> bytes:
    """Write down a function with all that it refers to, the store and the ledgers as names."""
    written = io.BytesIO()
    packing: Any = _Packer  # Ray's copy of cloudpickle has no types
    packing(written).dump(work)
    return written.getvalue()


def unpack(packed: bytes, *, store: Store, ledger: Callable[[Door], Ledger]) -> Callable[..., Any]:
    """Read what `pack` wrote, with the store and the ledgers of this process in place of those left at home."""

    class Unpacker(pickle.Unpickler):
        def persistent_load(self, name: tuple[Door | None]) -> Store | Ledger:
            (door,) = name
            return store if door is None else ledger(door)

    work: Callable[..., Any] = Unpacker(io.BytesIO(packed)).load()
    return work


class _Packer(CloudPickler):
    def persistent_id(self, found: object) -> Any:
        if isinstance(found, Store):
            return (None,)
        return (found.door,) if isinstance(found, Ledger) else None
