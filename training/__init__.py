"""From samples to models of a culture."""

from typing import TYPE_CHECKING

from culturepark.runtime.lazy import contents

if TYPE_CHECKING:
    from culturepark.training.row import Row, read_rows, write_rows
    from culturepark.training.settings import TrainSettings

__all__ = ["Row", "TrainSettings", "read_rows", "write_rows"]

__getattr__ = contents(
    __name__,
    {"Row": "row", "TrainSettings": "settings", "read_rows": "row", "write_rows": "row"},
)
