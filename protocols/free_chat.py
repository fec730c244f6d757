"""Free chat: people simply take turns."""

from dataclasses import dataclass

from culturepark.protocols.base import Count, Cue, Opener, Scene, alternate


@dataclass(frozen=True)
class FreeChat:
    """The main contact and the delegates take turns; the moderator is silent."""

    turns: Count = 14
    """Utterances in all; 14 is the paper's."""
    opener: Opener = "main_contact"

    def next_cue(self, scene: Scene) -> Cue | None:
        """The next in line, without guidance."""
        if len(scene.turns) >= self.turns:
            return None
        return Cue(alternate(scene, self.opener))
