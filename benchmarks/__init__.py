"""Measurement: of talks and models, and (in `refinement/` and `speed/`, outside the wheel) of our own instruments."""

from typing import TYPE_CHECKING

from culturepark.runtime.lazy import contents

if TYPE_CHECKING:
    from culturepark.benchmarks.comparison import Comparison, compare
    from culturepark.benchmarks.decomposition import Decomposition, decompose
    from culturepark.benchmarks.talk_metrics import METRICS, Held, Metric
    from culturepark.benchmarks.talks import RunTalks, load_talks

__all__ = ["METRICS", "Comparison", "Decomposition", "Held", "Metric", "RunTalks", "compare", "decompose", "load_talks"]

__getattr__ = contents(
    __name__,
    {
        "Comparison": "comparison",
        "Decomposition": "decomposition",
        "Held": "talk_metrics",
        "METRICS": "talk_metrics",
        "Metric": "talk_metrics",
        "RunTalks": "talks",
        "compare": "comparison",
        "decompose": "decomposition",
        "load_talks": "talks",
    },
)
