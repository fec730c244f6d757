"""Dialogue protocols: who speaks next and what the moderator whispers."""

from culturepark.protocols.base import Cue, Scene, TurnProtocol
from culturepark.protocols.catalogue import PROTOCOLS, LoadedProtocol, load_protocol
from culturepark.protocols.turn import Ask, Flag, SpokenCue, Turn

__all__ = [
    "PROTOCOLS",
    "Ask",
    "Cue",
    "Flag",
    "LoadedProtocol",
    "Scene",
    "SpokenCue",
    "Turn",
    "TurnProtocol",
    "load_protocol",
]
