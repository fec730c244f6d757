"""What a study would take, before anything is sent."""

from math import ceil
from typing import NamedTuple

from culturepark.personas.seat import Seat
from culturepark.pipeline import Part, plan
from culturepark.postprocess.tables import load_opinions, load_samples
from culturepark.postprocess.yields import Expected, YieldCurve, fit_yield
from culturepark.protocols.base import Scene, TurnProtocol
from culturepark.protocols.trial import drive
from culturepark.protocols.turn import Turn
from culturepark.runtime.budget import known_price
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.record import Record
from culturepark.runtime.store import Store
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.tongues import briefing, next_line
from culturepark.simulation.transcript import Transcript
from culturepark.study import Study

CHARS_PER_TOKEN = 4.0
OPINIONS_PER_TURN = 1.5
REQUESTS_PER_OPINION = 3
"""One for each side of the scale, and for some a rewording that is judged again."""
PROMPT_TOKENS_EXTRACT, PROMPT_TOKENS_VERIFY = 330, 90
TOKENS_PER_SECOND = {
    "builtin:qwen2.5-coder-1.5b": 19.0,
    "builtin:qwen2.5-coder-0.5b": 43.0,
    "builtin:smollm2-135m": 125.0,
}
"""Output tokens a second on two cores, prompts not counted."""
KEPT = (0.25, 0.6)
"""Share of opinions that become samples: what small and large models were seen to give."""
FAR = 5
"""Times the talks of a run, from which a curve fitted on them is a guess."""


class TargetEstimate(Record):
    """Talks that a number of distinct samples takes."""

    samples: int
    talks: Expected

    @property
    def words(self) -> str:
        """For people."""
        low, value, high = self.talks.low, self.talks.value, self.talks.high
        if value is None:
            return f"more than {low:.0f}, and perhaps no number: there may not be so many to find"
        return f"{value:.0f} ({low:.0f} to {'no end in sight' if high is None else f'{high:.0f}'})"


class Estimate(Record):
    """Expected, not bounded: a budget bounds."""

    talks: int
    skipped: int
    turns: int
    requests: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    """US dollars; None where no price is known."""
    minutes: float | None
    """For the built-in models on two cores; None for others."""
    samples: tuple[int, int]
    """From, to."""
    target: TargetEstimate | None
    """For the study's `target.samples`; None without, or where talks give nothing."""
    basis: str
    """What samples and target rest on, in words."""
    notes: tuple[str, ...]
    """Where stances come from more people than the study asks for, in words."""


async def estimate(study: Study, *, yields: YieldCurve | None = None, refined: bool = True) -> Estimate:
    """Walk every talk's protocol with placeholder utterances and add up the prompts; sends nothing.

    `yields` is what a run of such talks gave so far (see `run_yield`); without, what models were seen to give. With
    `refined` off, of the talks alone.

    Raises:
        CultureParkError: For any mistake in the study that can be seen before the first request.
    """
    planned = plan(study)
    parts = [await _estimated(part, refined=refined) for part in planned.parts]
    costs = [part.cost for part in parts if part.cost is not None]
    minutes = [part.minutes for part in parts if part.minutes is not None]
    talks, opinions = len(planned.talks), sum(part.opinions for part in parts)
    return Estimate(
        talks=talks,
        skipped=len(planned.skipped),
        turns=sum(part.turns for part in parts),
        requests=sum(part.turns + part.asked + part.read + part.opinions * REQUESTS_PER_OPINION for part in parts),
        tokens_in=sum(part.tokens_in for part in parts),
        tokens_out=sum(part.tokens_out for part in parts),
        cost=sum(costs) if len(costs) == len(parts) else None,
        minutes=round(sum(minutes), 1) if len(minutes) == len(parts) else None,
        samples=_samples(talks, opinions, yields),
        target=_target(study.target.samples, talks, opinions, yields),
        basis=_basis(yields, talks),
        notes=planned.notes,
    )


def run_yield(store: Store) -> YieldCurve | None:
    """The yield curve of a run's last refinement; None when there is too little to fit one."""
    opinions, samples = load_opinions(store), load_samples(store)
    read = {opinion.talk for opinion in opinions}
    talks = [
        talk
        for talk in load_transcripts(store, status="complete")
        if talk.question is not None and (talk.id in read or talk.parent is None)
    ]
    cells = [(talk.seed.id, tuple(seat.culture.id for seat in talk.seats)) for talk in talks]
    return fit_yield([talk.id for talk in talks], cells, opinions, samples)


def _samples(talks: int, opinions: int, yields: YieldCurve | None) -> tuple[int, int]:
    if yields is None:
        return int(opinions * KEPT[0]), int(opinions * KEPT[1])
    expected = yields.samples_after(talks)
    return int(expected.low), ceil(expected.high or expected.low)


def _target(wanted: int | None, talks: int, opinions: int, yields: YieldCurve | None) -> TargetEstimate | None:
    """Talks for a number of samples: by the curve, else by what talks of this study are seen to give."""
    if wanted is None:
        return None
    if yields is not None:
        return TargetEstimate(samples=wanted, talks=yields.talks_for(wanted))
    if not opinions:
        return None
    few, many = (wanted * talks / (opinions * kept) for kept in reversed(KEPT))
    return TargetEstimate(samples=wanted, talks=Expected(value=(few * many) ** 0.5, low=few, high=many))


def _basis(yields: YieldCurve | None, talks: int) -> str:
    """What the expectation rests on, and what it cannot know."""
    if yields is None:
        return "what small and large models were seen to give; estimate --run fits a run's own talks"
    seen = yields.whole
    said = f"{seen.samples} samples from {seen.talks} talks of the run, growing as talks ^ {seen.exponent:.2f}"
    if not yields.repeated:
        return (
            f"{said}; every question and culture met once, so nothing tells yet when talks begin to repeat themselves"
        )
    if talks > FAR * seen.talks:
        return f"{said}; more than {FAR} times as many talks are far from what was seen"
    return said


class _Expected(NamedTuple):
    """What the talks of one part of a study would take, refining included."""

    turns: int
    asked: int
    """Questions of the protocol."""
    read: int
    opinions: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    minutes: float | None


async def _estimated(part: Part, *, refined: bool) -> _Expected:
    words = "x" * int(part.sampling.max_tokens * CHARS_PER_TOKEN * 0.6)
    turns = asked = tokens_in = tokens_out = read = 0
    for transcript in part.talks:
        said = await _walk(transcript, part.protocol.protocol, words)
        turns += len(said)
        asks = [ask for turn in said for ask in turn.asks]
        asked += len(asks)
        tokens_in += int(sum(len(ask.prompt) for ask in asks) / CHARS_PER_TOKEN)
        read += sum(refined and transcript.seat(turn.speaker).role == "delegate" for turn in said)
        tokens_in += sum(_prompt_tokens(transcript, turn, words) for turn in said)
        tokens_out += int((len(said) + len(asks)) * len(words) / CHARS_PER_TOKEN)
    opinions = int(read * OPINIONS_PER_TURN)
    tokens_in += read * PROMPT_TOKENS_EXTRACT + opinions * REQUESTS_PER_OPINION * PROMPT_TOKENS_VERIFY
    tokens_out += read * 40 + opinions * REQUESTS_PER_OPINION
    identity = parse_model(part.model).identity
    price = known_price(identity)
    speed = TOKENS_PER_SECOND.get(identity.partition("@")[0].partition("+")[0])  # adapters cost little time
    return _Expected(
        turns=turns,
        asked=asked,
        read=read,
        opinions=opinions,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=price.of(tokens_in=tokens_in, tokens_cached=0, tokens_out=tokens_out) if price else None,
        minutes=tokens_out / speed * 2.5 / 60 if speed else None,
    )


async def _walk(transcript: Transcript, protocol: TurnProtocol, words: str) -> list[Turn]:
    async def answered(_prompt: str) -> str:
        return words

    scene = Scene(transcript.seats, transcript.seed, (), transcript.id, answered)
    steps, _ = await drive(protocol, scene, say=lambda _cue, _turn: words, talk=transcript.id)
    return [step.turn for step in steps]


def _prompt_tokens(transcript: Transcript, turn: Turn, words: str) -> int:
    seat: Seat = transcript.seat(turn.speaker)
    asked = "".join(message.content for message in briefing(seat, transcript.seed)) + next_line(seat)
    # Tokenizers cut scripts of several bytes a letter finer: their bytes tell more than their letters.
    sheet = len(asked.encode()) + 100
    return int((sheet + turn.index * (len(words) + 10)) / CHARS_PER_TOKEN)
