"""From settings to talks with ids: the same inputs are the same talk on every machine."""

from collections.abc import Sequence

from pydantic import Field, JsonValue

from culturepark.personas.casting import CastSettings, CastTalk
from culturepark.protocols.catalogue import LoadedProtocol
from culturepark.runtime.hashing import content_id, sha256
from culturepark.runtime.request import Sampling
from culturepark.simulation.character import templates_sha256
from culturepark.simulation.transcript import ProtocolUsed, Transcript


class SimulateSettings(CastSettings):
    """Who talks about what, under which protocol, and how the model is sampled."""

    protocol: str = "self-guidance"
    """A name, an entry point, or `./file.py:Class`."""
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
        "protocol": sha256([protocol.name, protocol.args, protocol.sha256]),
        "templates": templates_sha256(),
        "model": model,
        "sampling": sha256(settings.sampling),
        "seed": str(seed),
        "language": "en",
    }
    if draw:
        shared["draw"] = str(draw)
    used = ProtocolUsed(name=protocol.name, args=protocol.args, sha256=protocol.sha256)
    return tuple(_plan(talk, shared, used, model=model) for talk in casting)


def _plan(talk: CastTalk, shared: dict[str, str], protocol: ProtocolUsed, *, model: str) -> Transcript:
    inputs = {
        **shared,
        "question": sha256(talk.question),
        "seats": sha256(list(talk.seats)),
        "replicate": str(talk.replicate),
    }
    return Transcript(
        id=content_id("t", inputs),
        question=talk.question,
        language=shared["language"],
        model=model,
        protocol=protocol,
        replicate=talk.replicate,
        status="planned",
        seats=talk.seats,
        turns=(),
        inputs=inputs,
    )
