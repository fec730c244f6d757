"""The funnel: how many opinions came in, what became of each, and that the counts add up."""

from collections import Counter
from collections.abc import Sequence

from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.runtime.record import Record


class Rewritten(Record):
    """What became of the contradictions that were reworded to agree with their speakers' stances."""

    tried: int = 0
    kept: int = 0
    """Those whose text after the rewriting entails the stance."""


class Voiced(Record):
    """In whose person the verified opinions speak."""

    first: int = 0
    third: int = 0
    changed: int = 0
    """Part of `first` that a model put into the first person."""


class NovelPool(Record):
    """Opinions that their speakers' stances do not decide."""

    found: int = 0
    corroborated: int = 0
    """Those that at least one independent talk voices, too."""
    kept: int = 0


class SharesChecked(Record):
    """Opinions that say how common a view is, held against the survey's counts."""

    held: int = 0
    refuted: int = 0


class SecondJudge(Record):
    """What another judge said of the same texts."""

    judge: str
    judged: int
    """Opinions on which both judges gave a verdict."""
    agreed: int

    @property
    def agreement(self) -> float | None:
        """Fraction of the opinions on which both say the same."""
        return self.agreed / self.judged if self.judged else None


class Funnel(Record):
    """Counts of one refinement."""

    talks: int
    utterances: int
    """Utterances read for opinions (the delegates', unless `extract: all`)."""
    unread: dict[str, int]
    """Utterances that gave nothing to read, by reason: `blank`, `no_opinion`, `extract_truncated`, …"""
    extracted: int
    dropped: dict[str, int]
    """Opinions that did not become a sample, by reason; `merged` ones are stood for by a sample."""
    samples: int
    rewritten: Rewritten = Rewritten()
    novel: NovelPool = NovelPool()
    shares: SharesChecked = SharesChecked()
    voice: Voiced = Voiced()
    second_judge: SecondJudge | None = None

    def check(self) -> None:
        """Hold the counts to each other: every opinion is a sample or has a reason."""
        assert self.extracted == self.samples + sum(self.dropped.values()), self
        verified = self.samples + self.dropped.get("merged", 0)
        assert self.voice.first + self.voice.third == verified, self
        rejected = sum(self.dropped.get(reason, 0) for reason in ("rewrite_failed", "rewrite_rejected"))
        assert self.rewritten.kept + rejected <= self.rewritten.tried, self
        assert self.shares.refuted == self.dropped.get("share_refuted", 0), self

    def rows(self) -> list[tuple[str, int | str]]:
        """The funnel as a table, from talks to samples."""
        merged = self.dropped.get("merged", 0)
        rows: list[tuple[str, int | str]] = [
            ("talks", self.talks),
            ("utterances", self.utterances),
            *((f"  unread: {reason}", count) for reason, count in self.unread.items()),
            ("opinions", self.extracted),
            *((f"  dropped: {reason}", count) for reason, count in self.dropped.items() if reason != "merged"),
            ("verified opinions", self.samples + merged),
            ("  contradictions rewritten", f"{self.rewritten.kept} of {self.rewritten.tried}"),
            ("  novel ones kept", f"{self.novel.kept} of {self.novel.found} ({self.novel.corroborated} corroborated)"),
            ("  in the first person", f"{self.voice.first} ({self.voice.changed} by the model)"),
            ("  in the third person", self.voice.third),
            ("  merged into a sample", merged),
            ("samples", self.samples),
        ]
        if self.second_judge is not None:
            second = self.second_judge
            rate = "" if second.agreement is None else f" ({100 * second.agreement:.1f} %)"
            rows.append(("judges agree", f"{second.agreed} of {second.judged}{rate}"))
        return rows


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
        rewritten=_rewritten(opinions),
        novel=_novel(opinions),
        shares=_shares(opinions),
        voice=_voiced(opinions),
        second_judge=_second(opinions),
    )
    funnel.check()
    assert sum(sample.mass for sample in samples) == len(samples) + dropped["merged"]
    return funnel


def _rewritten(opinions: Sequence[Opinion]) -> Rewritten:
    tried = [change for opinion in opinions for change in opinion.rewrites if change.aim == "stance"]
    return Rewritten(tried=len(tried), kept=sum(change.kept for change in tried))


def _novel(opinions: Sequence[Opinion]) -> NovelPool:
    found = [opinion for opinion in opinions if opinion.novelty is not None]
    return NovelPool(
        found=len(found),
        corroborated=sum(bool(opinion.novelty.corroborated_by) for opinion in found if opinion.novelty is not None),
        kept=sum(opinion.is_verified for opinion in found),
    )


def _shares(opinions: Sequence[Opinion]) -> SharesChecked:
    checks = [opinion.share_check for opinion in opinions if opinion.share_check is not None]
    held = sum(check.holds for check in checks)
    return SharesChecked(held=held, refuted=len(checks) - held)


def _voiced(opinions: Sequence[Opinion]) -> Voiced:
    verified = [opinion for opinion in opinions if opinion.is_verified]
    voices = Counter(opinion.voice for opinion in verified)
    changed = sum(change.kept for opinion in verified for change in opinion.rewrites if change.aim == "first_person")
    return Voiced(first=voices["first"], third=voices["third"], changed=changed)


def _second(opinions: Sequence[Opinion]) -> SecondJudge | None:
    seconds = [(opinion.verdict, opinion.second) for opinion in opinions if opinion.second is not None]
    if not seconds:
        return None
    both = [(one, second.verdict) for one, second in seconds if one is not None and second.verdict is not None]
    return SecondJudge(judge=seconds[0][1].judge, judged=len(both), agreed=sum(one == other for one, other in both))
