"""What a hosted fine-tuning job is asked for."""

from pydantic import Field

from culturepark.runtime.record import Record


class HostedSettings(Record):
    """A job at an OpenAI-compatible fine-tuning endpoint; None leaves the choice to the server."""

    base: str = "openai:gpt-4o-mini-2024-07-18"
    """The model to tune, `openai:NAME` with the name the server knows it by."""
    base_url: str | None = None
    """Address of another server than OpenAI's; no part of any id."""
    epochs: int = Field(default=3, ge=1)
    """Passes over the rows; given, so that the cost is known before."""
    batch: int | None = Field(default=None, ge=1)
    learning_rate_multiplier: float | None = Field(default=None, gt=0)
    suffix: str | None = Field(default=None, min_length=1, max_length=64)
    """Part of the tuned model's name; the culture by default."""
    poll_seconds: float = Field(default=5.0, gt=0)
    """Time between two looks at a job."""
