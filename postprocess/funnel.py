"""The funnel: how many opinions came in, what became of each, and that the counts add up."""

from collections import Counter
from collections.abc import Sequence

from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.runtime.record import Record


class Funnel(Record):
    """Counts of one refinement."""

    talks: int
    utterances: int
    """Utterances read for opinions (the delegates', unless `extract: all`)."""
    unread: dict[str, int]
    """Utterances that gave nothing to read, by reason: `blank`, `no_opinion`, `extract_failed`."""
    extracted: int
    dropped: dict[str, int]
    """Opinions that did not become a sample, by reason; `merged` ones are stood for by a sample."""
    samples: int

    def check(self) -> None:
        """Hold the counts to each other: every opinion is a sample or has a reason."""
        assert self.extracted == self.samples + sum(self.dropped.values()), self

    def rows(self) -> list[tuple[str, int]]:
        """The funnel as a table, from talks to samples."""
        merged = self.dropped.get("merged", 0)
        return [
            ("talks", self.talks),
            ("utterances", self.utterances),
            *((f"  unread: {reason}", count) for reason, count in self.unread.items()),
            ("opinions", self.extracted),
            *((f"  dropped: {reason}", count) for reason, count in self.dropped.items() if reason != "merged"),
            ("verified opinions", self.samples + merged),
            ("  merged into a sample", merged),
            ("samples", self.samples),
        ]


def count_funnel(
    opinions: Sequence[Opinion], samples: Sequence[Sample], *, talks: int, utterances: int, unread: Counter[str]
) -> Funnel:
    """Count what a refinement did."""
    dropped = Counter(opinion.dropped for opinion in opinions if opinion.dropped is not None)
    funnel = Funnel(
        talks=talks,
        utterances=utterances,
        unread=dict(sorted(unread.items())),
        extracted=len(opinions),
        dropped={str(reason): count for reason, count in sorted(dropped.items())},
        samples=len(samples),
    )
    funnel.check()
    assert sum(sample.mass for sample in samples) == len(samples) + dropped["merged"]
    return funnel
