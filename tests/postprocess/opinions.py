"""Opinions to test with."""

from culturepark.personas.stance import Stance
from culturepark.postprocess.opinion import Opinion


def opinion(
    text: str,
    *,
    question: str = "wvs7:Q27",
    side: str = "below",
    code: int = 1,
    culture: str = "arabic",
    country: str = "JOR",
    **more: object,
) -> Opinion:
    """An opinion of a person with a stance; its id is made of its text and culture."""
    stance = Stance.model_validate(
        {"question": question, "code": code, "words": "w", "side": side, "share": 0.5, "n": 10, "weighted": False,
         "country": country, "chosen": "sampled"}
    )  # fmt: skip
    return Opinion.model_validate(
        {"id": f"o_{text}_{culture}", "text": text, "quote": text, "start": 0, "end": len(text), "talk": "t", "turn": 0,
         "speaker": "s", "culture": culture, "country": country, "question": question, "stance": stance, "about": "own",
         **more}
    )  # fmt: skip
