"""Which slot of our own server reads a prompt: the one that has read most of it already.

A slot keeps what it read last. Left to itself, the server takes the slot whose text is most alike, and since all seats
of a talk begin with the same instructions, both speakers meet in one slot and drive each other out of it at every turn.
"""

from collections.abc import Sequence

from culturepark.runtime.request import Message


class Slots:
    """The slots of one server that nobody else asks."""

    def __init__(self, number: int) -> None:
        # Least lately used first. What a slot read last, without the last message: that asked for the reply.
        self._free: dict[int, tuple[Message, ...]] = dict.fromkeys(range(number), ())

    def take(self, messages: Sequence[Message]) -> int | None:
        """The free slot that the prompt goes on from, else the one that was longest unused; None if none is free."""
        if not self._free:
            return None
        known = [slot for slot, read in self._free.items() if read and tuple(messages[: len(read)]) == read]
        slot = max(known, key=lambda one: len(self._free[one]), default=next(iter(self._free)))
        del self._free[slot]
        return slot

    def leave(self, slot: int, messages: Sequence[Message]) -> None:
        """Free a slot that has read these messages."""
        self._free[slot] = tuple(messages[:-1])
