"""Dialogue protocols: who speaks next and what the moderator whispers."""

from typing import TYPE_CHECKING

from culturepark.runtime.lazy import contents

if TYPE_CHECKING:
    from culturepark.protocols.base import Cue, Scene, TurnProtocol
    from culturepark.protocols.catalogue import PROTOCOLS, LoadedProtocol, list_protocols, load_protocol
    from culturepark.protocols.cueing import ProtocolError
    from culturepark.protocols.turn import Ask, Flag, SpokenCue, Turn

__all__ = [
    "PROTOCOLS",
    "Ask",
    "Cue",
    "Flag",
    "LoadedProtocol",
    "ProtocolError",
    "Scene",
    "SpokenCue",
    "Turn",
    "TurnProtocol",
    "list_protocols",
    "load_protocol",
]

__getattr__ = contents(
    __name__,
    {
        "Ask": "turn",
        "Cue": "base",
        "Flag": "turn",
        "LoadedProtocol": "catalogue",
        "PROTOCOLS": "catalogue",
        "ProtocolError": "cueing",
        "Scene": "base",
        "SpokenCue": "turn",
        "Turn": "turn",
        "TurnProtocol": "base",
        "list_protocols": "catalogue",
        "load_protocol": "catalogue",
    },
)
