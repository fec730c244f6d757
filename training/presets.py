"""Training settings by the name given to `--preset`."""

from collections.abc import Mapping
from typing import Any, Final

from culturepark.runtime.errors import unknown
from culturepark.training.lora_settings import PRESETS as LORA

# The paper fine-tunes on the survey's question with its answer and the opinion, every sample once; its hosted jobs
# ran on GPT-3.5-turbo (arXiv:2405.15145).
PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "default": {},
    "paper": {
        "scope": "culture",
        "rows": ["survey"],
        "weight": "none",
        "lora": LORA["paper"],
        "hosted": {"base": "openai:gpt-3.5-turbo-0125", "epochs": 3},
    },
}


def preset(name: str) -> Mapping[str, Any]:
    """Settings of a preset.

    Raises:
        CultureParkError: For an unknown name.
    """
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]
