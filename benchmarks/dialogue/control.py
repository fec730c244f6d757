"""The positive control of the change-point rule: speakers who flip at a known turn, and speakers who never do.

`python -m culturepark.benchmarks.dialogue.control` simulates both for meters of several errors and prints how many of
the first are found where they flip, and how many of the second are called changed. That the rest of the pipeline
carries a flip to the rule is tested with scripted speakers and a scripted judge.
"""

from typing import Final

import numpy as np

from culturepark.benchmarks.dialogue.drift import ERROR, SHORTEST, allowance, best_cut, noisy
from culturepark.benchmarks.statistics import Interval, wilson
from culturepark.runtime.console import print_table, say
from culturepark.runtime.record import Record

FOUND_WITHIN: Final = 1
"""Own utterances by which a flip may be missed and still counts as found."""
TALKS: Final = 2000
ERRORS: Final = (0.0, 0.02, 0.05, 0.1)


class Control(Record):
    """What the rule makes of speakers about whom the truth is known."""

    own_turns: int
    """Utterances of the speaker that were read."""
    options: int
    error: float
    """Share of readings that are wrong, by one code."""
    flips: int
    """Speakers who flip."""
    found: float
    """Share of them whose change is found within `FOUND_WITHIN` own utterances of where it is."""
    found_interval: Interval
    exact: float
    """Share found at the very utterance."""
    constant: int
    false_alarms: float
    """Share of constant speakers called changed."""
    false_alarms_interval: Interval


def simulate_control(
    *, own_turns: int, options: int, error: float, assumed: float = ERROR, talks: int = TALKS, seed: int = 1
) -> Control:
    """Simulate flips at every place where the rule can see one, and as many constant speakers.

    Args:
        own_turns: Utterances of a speaker, four or more.
        options: Codes of the scale.
        error: Share of readings that the meter really gets wrong.
        assumed: The error that the rule's threshold was made for.
        talks: Speakers who flip at each place, and constant ones.
        seed: Of everything random.
    """
    allowed = allowance(own_turns, options, assumed)
    near = exact = flips = 0
    for at in range(SHORTEST, own_turns - SHORTEST + 1):
        read = noisy(np.arange(own_turns) >= at, options, error, talks=talks, seed=seed + at)
        explained, cut = best_cut(read, options)
        flagged = explained > allowed
        near += int(np.sum(flagged & (abs(cut - at) <= FOUND_WITHIN)))
        exact += int(np.sum(flagged & (cut == at)))
        flips += talks
    calm = noisy(np.zeros(own_turns, dtype=bool), options, error, talks=talks, seed=seed)
    alarms = int(np.sum(best_cut(calm, options)[0] > allowed))
    return Control(
        own_turns=own_turns,
        options=options,
        error=error,
        flips=flips,
        found=near / flips,
        found_interval=wilson(near, flips),
        exact=exact / flips,
        constant=talks,
        false_alarms=alarms / talks,
        false_alarms_interval=wilson(alarms, talks),
    )


def main() -> None:
    """Print the control for the sizes that talks come in."""
    rows = [
        (one.own_turns, one.options, one.error, one.flips, _range(one.found, one.found_interval), one.exact,
         _range(one.false_alarms, one.false_alarms_interval))
        for own_turns in (5, 7, 10)
        for options in (2, 3, 4, 10)
        for error in ERRORS
        for one in [simulate_control(own_turns=own_turns, options=options, error=error)]
    ]  # fmt: skip
    columns = ("own utterances", "answers", "meter's error", "flips", "found at k +- 1", "at k", "false alarms")
    print_table(columns, rows)
    say(f"threshold made for an error of {ERROR:g}; flips with at least {SHORTEST} utterances on either side")


def _range(share: float, interval: Interval) -> str:
    return f"{share:.3f} ({interval.low:.3f} to {interval.high:.3f})"


if __name__ == "__main__":
    main()
