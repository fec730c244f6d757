"""From settings to talks with ids: the same inputs are the same talk on every machine."""

from collections.abc import Sequence
from pathlib import PurePath

from pydantic import Field, JsonValue

from culturepark.personas.casting import CastSettings, CastTalk
from culturepark.personas.language import SEVERAL
from culturepark.personas.seat import Seat
from culturepark.protocols.catalogue import LoadedProtocol
from culturepark.runtime.hashing import content_id, sha256
from culturepark.runtime.request import Sampling
from culturepark.simulation.tongues import prompts_sha256
from culturepark.simulation.transcript import ProtocolUsed, Transcript


class SimulateSettings(CastSettings):
    """Who talks about what, under which protocol, and how the model is sampled."""

    protocol: str = "self-guidance"
    """A name, an entry point, `./script.yaml`, or `./file.py:Class`."""
    protocol_args: dict[str, JsonValue] = {}
    sampling: Sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=64, dry_multiplier=0.8)
    concurrency: int = Field(default=16, ge=1)
    """Talks in flight; no part of any id. The built-in model takes as many as it has room for."""


def plan_talks(
    casting: Sequence[CastTalk],
    settings: SimulateSettings,
    protocol: LoadedProtocol,
    *,
    model: str,
    seed: int,
    draw: int = 0,
) -> tuple[Transcript, ...]:
    """Write the talks down before their first turn.

    `model` is the model's identity, `seed` the study's; another `draw` is the same talk sampled again. Each input's
    hash is kept by name in `inputs`, and the talk's id is the hash of those, so a check can say which input changed.
    """
    shared = {
        **shared_inputs(protocol, model=model, sampling=settings.sampling),
        "seed": str(seed),
    }
    if draw:
        shared["draw"] = str(draw)
    used = protocol_used(protocol)
    return tuple(_plan(talk, shared, used, model=model) for talk in casting)


def spoken_inputs(seats: Sequence[Seat]) -> dict[str, str]:
    """The language of a talk, and the hash of the prompts in the languages its seats speak."""
    languages = sorted({seat.language for seat in seats})
    mixed = len(languages) > 1
    return {"templates": prompts_sha256(seats, mixed=mixed), "language": SEVERAL if mixed else languages[0]}


def shared_inputs(protocol: LoadedProtocol, *, model: str, sampling: Sampling) -> dict[str, str]:
    """Hashes of what the code and the model bring to a talk, whoever sits in it."""
    return {
        "protocol": sha256([without_folder(protocol.name), protocol.args, protocol.sha256]),
        "model": model,
        "sampling": sha256(sampling),
    }


def without_folder(protocol: str) -> str:
    """A protocol's name without the folder of its file: where it lies on a machine is no part of an id."""
    return PurePath(protocol).name


def protocol_used(protocol: LoadedProtocol) -> ProtocolUsed:
    """What a transcript keeps of a protocol."""
    return ProtocolUsed(name=protocol.name, args=protocol.args, sha256=protocol.sha256)


def _plan(talk: CastTalk, shared: dict[str, str], protocol: ProtocolUsed, *, model: str) -> Transcript:
    inputs = {
        **shared,
        **spoken_inputs(talk.seats),
        "question": sha256(talk.question),
        "seats": sha256(list(talk.seats)),
        "replicate": str(talk.replicate),
    }
    return Transcript(
        id=content_id("t", inputs),
        question=talk.question,
        language=inputs["language"],
        model=model,
        protocol=protocol,
        replicate=talk.replicate,
        status="planned",
        seats=talk.seats,
        stance_distance=talk.stance_distance,
        turns=(),
        inputs=inputs,
    )
