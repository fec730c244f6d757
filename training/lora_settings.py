"""How adapters are trained on this machine."""

from culturepark.runtime.record import Record


class LoraSettings(Record):
    """Low-rank adaptation."""
