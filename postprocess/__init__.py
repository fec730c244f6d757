"""From talks to distinct, verified samples."""

from culturepark.postprocess.funnel import Funnel
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.refine import RefineSettings, refine
from culturepark.postprocess.sample import Sample

__all__ = ["Funnel", "Opinion", "RefineSettings", "Sample", "refine"]
