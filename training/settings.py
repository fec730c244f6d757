"""What is trained on which rows: the `train` section of a study."""

from typing import Literal

from pydantic import Field, model_validator

from culturepark.runtime.record import Record
from culturepark.training.hosted_settings import HostedSettings
from culturepark.training.lora_settings import LoraSettings
from culturepark.training.row import Kind

Scope = Literal["culture", "all"]
Method = Literal["lora", "openai"]
Weight = Literal["survey", "mass", "none"]
Mode = Literal["culturepark", "answer", "distribution", "direct", "augment", "placebo"]


class TrainSettings(Record):
    """Which rows, how they count, and who trains on them."""

    scope: Scope = "culture"
    """`culture`: one model for each culture; `all`: one model that is told whom to answer as."""
    cultures: tuple[str, ...] = ()
    """Cultures to train for; all that have samples when empty."""
    method: Method = "lora"
    mode: Mode = "culturepark"
    """`culturepark`, or a baseline that the samples are measured against."""
    rows: tuple[Kind, ...] = Field(default=("survey", "opinion"), min_length=1)
    weight: Weight = "survey"
    """`survey`: answers stand in the rows as often as the country gives them; `mass`: a sample counts as often as it
    was said; `none`: every row counts once."""
    max_cosine: float | None = Field(default=None, gt=-1, le=1)
    """Similarity to a held-out question from which a row is left out: it would teach what is measured. None takes the
    value calibrated for the study's embedder."""
    validation: float = Field(default=0.1, ge=0, lt=1)
    """Fraction of the talks (or, of rows without one, of the questions) whose rows only watch the training."""
    max_row_tokens: int = Field(default=512, ge=16)
    """Longer rows are left out, never cut."""
    draws: int = Field(default=20, ge=1)
    """Answers for each culture and question in rows of the kind `distribution`."""
    variants: int = Field(default=4, ge=1, le=20)
    """With mode `augment`, other wordings of each question."""
    tokens: int | None = Field(default=None, ge=1)
    """Most tokens of one pass over the rows, so that several modes can be given the same."""
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """One model for each."""
    lora: LoraSettings = LoraSettings()
    hosted: HostedSettings = HostedSettings()

    @model_validator(mode="after")
    def _said_once(self) -> "TrainSettings":
        for name, values in (("rows", self.rows), ("seeds", self.seeds), ("cultures", self.cultures)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: {', '.join(map(str, values))} names one twice")
        return self
