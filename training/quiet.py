"""The frameworks' own bars and hints, which would land in the middle of ours, switched off while a block runs."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_frameworks() -> Iterator[None]:
    """Keep transformers, datasets and the packages below them from writing to the terminal, and from phoning home."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", kind)  # names that peft and TRL take from transformers and torch
        from datasets.utils import logging as datasets_logging  # noqa: PLC0415  (slow to import)
        from transformers.utils import logging  # noqa: PLC0415

        bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        datasets_bars = datasets_logging.is_progress_bar_enabled()
        datasets_logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()
            if datasets_bars:
                datasets_logging.enable_progress_bar()
