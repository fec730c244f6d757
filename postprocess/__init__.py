"""From talks to distinct, verified samples."""

from typing import TYPE_CHECKING

from culturepark.runtime.lazy import contents

if TYPE_CHECKING:
    from culturepark.postprocess.funnel import Funnel
    from culturepark.postprocess.opinion import Opinion
    from culturepark.postprocess.refine import RefineSettings, refine
    from culturepark.postprocess.sample import Sample

__all__ = [
    "Funnel",
    "Opinion",
    "RefineSettings",
    "Sample",
    "refine",
]

__getattr__ = contents(
    __name__,
    {
        "Funnel": "funnel",
        "Opinion": "opinion",
        "RefineSettings": "refine",
        "Sample": "sample",
        "refine": "refine",
    },
)
