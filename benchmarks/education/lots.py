"""Which way of learning a participant gets, and which form is first: lots in permuted blocks, from a recorded seed."""

import random
from itertools import product
from typing import Final, NamedTuple, get_args

from culturepark.benchmarks.education.lesson import Arm, Order
from culturepark.runtime.hashing import seed_from

ARMS: Final[tuple[Arm, ...]] = get_args(Arm)
"""The first is the one that the others are held against."""
ORDERS: Final[tuple[Order, ...]] = get_args(Order)


class Lot(NamedTuple):
    """What was drawn."""

    arm: Arm
    order: Order


BLOCK: Final = tuple(Lot(arm, order) for arm, order in product(ARMS, ORDERS))
"""After each block every arm had as many participants, half of them with either form first."""


def lot(place: int, *, culture: str, seed: int) -> Lot:
    """The lot of the participant in a place (0, 1, …) of a culture's lessons."""
    block, within = divmod(place, len(BLOCK))
    order = random.Random(seed_from("lots", seed, culture, block)).sample(BLOCK, len(BLOCK))
    return order[within]
