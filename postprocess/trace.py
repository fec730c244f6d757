"""Walk an utterance forward: what was found in it, what became of each opinion, and which samples it is in."""

from culturepark.postprocess.annotate.report import standing
from culturepark.postprocess.judged import judged_words
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.postprocess.tables import load_funnel, load_opinions, load_samples
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record
from culturepark.runtime.store import Store
from culturepark.simulation.talks import find_transcript
from culturepark.simulation.transcript import Transcript


class OpinionFate(Record):
    """What became of one opinion."""

    opinion: Opinion
    merged_into: Opinion | None
    """The opinion that stands for a merged one."""
    sample: Sample | None
    """The sample it is in; None for a dropped one."""


class TurnTrace(Record):
    """Every arrow from an utterance to samples."""

    talk: Transcript
    turn: int
    fates: tuple[OpinionFate, ...]
    unread: str | None
    """Why no opinion of this turn is there, in words."""
    judge: str
    """What is known of the judge, see `Standing`."""


def trace(store: Store, turn: str) -> TurnTrace:
    """Follow the utterance `TALK:INDEX` (the talk's id may be shortened) to its samples.

    Raises:
        CultureParkError: When that is no turn of a talk of the run.
    """
    name, _, number = turn.rpartition(":")
    if not name or not number.isascii() or not number.isdigit():
        raise CultureParkError(f"--turn {turn!r}: write TALK:INDEX, e.g. t_3f0c:2")
    talk = find_transcript(store, name)
    index = int(number)
    if index >= len(talk.turns):
        raise CultureParkError(
            f"--turn {turn}: talk {talk.id} has {len(talk.turns)} turns, the last is {len(talk.turns) - 1}"
        )
    everything = load_opinions(store)
    by_id = {opinion.id: opinion for opinion in everything}
    sample_of = {opinion: sample for sample in load_samples(store) for opinion in sample.opinions}
    found = [opinion for opinion in everything if (opinion.talk, opinion.turn) == (talk.id, index)]
    return TurnTrace(
        talk=talk,
        turn=index,
        fates=tuple(
            OpinionFate(
                opinion=opinion,
                merged_into=by_id[opinion.kept] if opinion.kept is not None else None,
                sample=sample_of.get(opinion.id),
            )
            for opinion in found
        ),
        unread=None if found else _unread(store, talk, index, everything),
        judge=standing(store, everything).words,
    )


def trace_text(found: TurnTrace) -> str:
    """Say it in words, from the utterance to the samples."""
    talk, turn = found.talk, found.talk.turns[found.turn]
    seat = talk.seat(turn.speaker)
    held = f", who {seat.stance.words}" if seat.stance is not None else ""
    lines = [
        f"turn {turn.index} of talk {talk.id}  ({seat.culture.id}, {seat.culture.country}, {seat.language})",
        f"  {turn.text}",
        f"said by {seat.name} from {seat.culture.country_name}{held}",
    ]
    if turn.flags:
        lines.append(f"  turn checks: {', '.join(turn.flags)}")
    if found.unread is not None:
        lines.append(found.unread)
    for fate in found.fates:
        lines += _fate(fate, found.judge)
    return "\n".join(lines)


def _fate(fate: OpinionFate, judge: str) -> list[str]:
    opinion = fate.opinion
    lines = [f"opinion {opinion.id}  (characters {opinion.start} to {opinion.end})"]
    lines.append(f"  {opinion.text}")
    if opinion.text != opinion.quote:
        lines.append(f"  said as: {opinion.quote}")
    lines += [f"  {line}" for line in judged_words(opinion, judge)]
    if fate.merged_into is not None:
        lines.append(
            f"  merged ({opinion.merged_by}, cosine {opinion.cosine}) "
            f"into {fate.merged_into.id}: {fate.merged_into.text}"
        )
    elif opinion.dropped is not None:
        lines.append(f"  dropped: {opinion.dropped}")
    if fate.sample is not None:
        lines.append(f"  in sample {fate.sample.id}, which stands for {fate.sample.mass} opinion(s)")
    return lines


def _unread(store: Store, talk: Transcript, index: int, opinions: list[Opinion]) -> str:
    if load_funnel(store) is None and not opinions:
        return f"not read: the run is not refined; `culturepark refine --run {store.folder}` reads it"
    if talk.status != "complete":
        return f"not read: the talk is {talk.status}, and only complete ones are"
    if talk.question is None:
        return "not read: the talk is about no survey question"
    if talk.parent is not None and index < talk.parent.turn:
        return f"read as turn {index} of {talk.parent.id}, which this talk is a fork of"
    if talk.seat(talk.turns[index].speaker).role == "main_contact":
        return "no opinion was found in it; the main contact's words are read with `extract: all` only"
    if not any(opinion.talk == talk.id for opinion in opinions):
        return "no opinion of this talk: it came after the last refinement, or is left out (`refine --all` reads forks)"
    return "no opinion was found in it"
