"""Simulate conversations between cultures and build culture-aware language models from them.

`culturepark.run(culturepark.Study.load(path))` does from Python what `culturepark run` does from the shell.
"""

from typing import TYPE_CHECKING

from culturepark.runtime.lazy import contents

if TYPE_CHECKING:
    from culturepark.pipeline import run
    from culturepark.study import Study

__all__ = ["Study", "run"]

__getattr__ = contents(__name__, {"Study": "study", "run": "pipeline"})
