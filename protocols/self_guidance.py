"""Self-guidance: whispers that make people disagree, give reasons and bring up new sides."""

from dataclasses import dataclass

from culturepark.protocols.base import Cue, Scene, alternate

# The main contact opens with a question only: a delegate who hears the other view first tends to echo it.
OPENING = "Ask {other}, in one short question, what people at home think about {topic}. Give no view of your own yet."
CLOSING = "Say what you still believe after this talk, and the reason that counts most for you."
MAIN_CONTACT = (
    "Doubt what {other} just said, and give your own view with a reason from your life.",
    "Ask {other} for an example from daily life, and tell one of your own.",
    "Ask {other} which custom or habit at home has to do with this.",
    "Name something {other} said that surprised you, and say why.",
    "Ask {other} whether younger and older people see it the same way.",
    "Say what you learned from {other}, and what you still do not understand.",
)
DELEGATE = (
    "Answer {other}: say plainly what you believe, and why.",
    "Tell {other} about one person in your family or at work, and how they showed you that you are right.",
    "Describe a custom from your country that shows your belief.",
    "Tell something that happened to you or somebody close and that shows your belief.",
    "Say who around you sees it otherwise, and why you do not.",
    "Bring up a side of the topic that nobody has mentioned yet.",
)


@dataclass(frozen=True)
class SelfGuidance:
    """Before every turn the moderator whispers a different task, so that the talk keeps finding new ground.

    The paper's idea (cognitive conflict and extension to new topics, arXiv:2405.15145), in our own words.
    """

    turns: int = 14
    """Utterances in all; 14 is the paper's."""

    def next_cue(self, scene: Scene) -> Cue | None:
        """The next in line, with the whisper of this round."""
        spoken = len(scene.turns)
        if spoken >= self.turns:
            return None
        speaker = alternate(scene)
        main = speaker.role == "main_contact"
        if spoken == 0:
            guidance = OPENING
        elif spoken >= self.turns - 2:
            guidance = CLOSING
        else:
            tasks = MAIN_CONTACT if main else DELEGATE
            guidance = tasks[(spoken // 2 - (1 if main else 0)) % len(tasks)]
        heard = scene.turns[-1].speaker if scene.turns else None
        others = [seat for seat in scene.seats if seat.id != speaker.id]
        other = next((seat for seat in others if seat.id == heard), others[0])
        return Cue(speaker, guidance=guidance.format(other=other.name, topic=scene.seed.topic))
