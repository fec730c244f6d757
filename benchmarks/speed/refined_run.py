"""A large run as a real one is: talks with the requests that held and refined them, opinions, verdicts, samples.

Each talk is a copy of one of 64 plans. Its turns, three opinions and one or two samples have ids, texts and requests of
their own; vectors are left out, so the map of opinions is empty.
"""

from collections.abc import Generator, Iterator
from typing import Any, Final, cast

import sqlalchemy as sa

from culturepark.personas import load_roster, load_survey
from culturepark.personas.casting import cast_talks
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import make_sample
from culturepark.postprocess.tables import OpinionRow, SampleRow
from culturepark.protocols.catalogue import load_protocol
from culturepark.protocols.turn import Turn
from culturepark.runtime.hashing import sha256
from culturepark.runtime.store import Base, CommittedReply, PromptMessage, Store
from culturepark.simulation.annotations import AnnotationRow
from culturepark.simulation.lines import line_row
from culturepark.simulation.plan import SimulateSettings, plan_talks
from culturepark.simulation.talk_rows import TalkLineRow, TalkRow, TurnRow
from culturepark.simulation.transcript import Transcript

TURNS: Final = 14
SAID: Final = (
    "I grew up in a small town, and my mother kept the shop while my father was away; I still think of that often."
)
FATES: Final = (None, "merged", "about_other", None, "contradict", "rewrite_failed")
"""Of opinions, in turn."""
OPINIONS: Final = 3
"""Of a talk."""
IDENTITY: Final = "openai:stub"
SETTINGS: Final = {
    "sampling": {"temperature": 1.0, "top_p": 1.0, "max_tokens": 160, "repeat_penalty": None, "stop": []},
    "seed": 1,
    "json_schema": None,
    "labels": None,
}
BATCH: Final = 1000
Row = tuple[type[Base], dict[str, Any]]


def plans() -> tuple[Transcript, ...]:
    """What the talks are copies of."""
    settings = SimulateSettings(protocol="free-chat", talks=64)
    casting = cast_talks(settings, load_roster(), load_survey(settings.source), seed=0)
    return plan_talks(casting.talks, settings, load_protocol("free-chat"), model=IDENTITY, seed=0)


def fill(store: Store, dialogues: int, *, longest: int) -> str:
    """Write a number of talks of 14 turns, and one of `longest`; returns the id of that one."""
    copied = plans()
    for begin in range(0, dialogues, BATCH):
        numbers = range(begin, min(begin + BATCH, dialogues))
        write(store, [(number, copied[number % len(copied)], TURNS) for number in numbers])
    write(store, [(dialogues, copied[0], longest)])
    return talk_id(dialogues)


def write(store: Store, talks: list[tuple[int, Transcript, int]]) -> None:
    """Write talks with all that is known of them, in one transaction."""
    tables: dict[type[Base], list[dict[str, Any]]] = {}
    for number, plan, length in talks:
        for table, row in rows_of(number, plan, length):
            tables.setdefault(table, []).append({"run_id": store.run_id, **row})
    with store.session() as session:
        for table, rows in tables.items():
            session.execute(sa.insert(cast(sa.Table, table.__table__)), rows)


def rows_of(number: int, plan: Transcript, length: int) -> Iterator[Row]:
    """The rows of one talk."""
    name = talk_id(number)
    document = plan.model_dump(mode="json", exclude={"status", "reason", "turns"})
    line = line_row("", plan, number)
    yield TalkLineRow, {**line, "talk": name, "turns": length, "status": "complete"}
    cultures = "+".join(seat.culture.id for seat in plan.seats if seat.role == "delegate")
    about = {"question": plan.seed.id, "cultures": cultures, "protocol": plan.protocol.name}
    state = {"status": "complete", "reason": None, "plan": {**document, "id": name}}
    yield TalkRow, {"id": name, "position": number, **about, **state}
    parent = ""
    for index in range(length):
        speaker, text = plan.seats[index % len(plan.seats)].id, said(number, index)
        parent, request = yield from requested("utterance", parent, text, number, index)
        turn = Turn(index=index, speaker=speaker, text=text, finish_reason="stop", model="stub", request=request)
        known = {"index": index, "speaker": speaker, "text": text}
        yield TurnRow, {"talk": name, **known, "turn": turn.model_dump(mode="json")}
    yield from requested("extract", "", SAID, number, length)
    for place in range(OPINIONS):
        yield from opinion_rows(number, place, plan)


def requested(purpose: str, parent: str, text: str, number: int, index: int) -> Generator[Row, None, tuple[str, str]]:
    """A reply and the message it answers; returns the hash of that message, and the reply's key."""
    prompt, key = (sha256([kind, purpose, number, index]) for kind in ("prompt", "reply"))
    yield PromptMessage, {"hash": prompt, "parent": parent, "role": "user", "content": f"{text}\n[Direction: go on.]"}
    reply = {"text": text, "finish_reason": "stop", "tokens_in": 571, "tokens_out": 38, "model": "stub"}
    paid = {"reply": reply, "tokens_in": 571, "tokens_out": 38, "cost": 0.0, "seconds": 0.05}
    asked = {"purpose": purpose, "draw": 0, "identity": IDENTITY, "settings": SETTINGS}
    yield CommittedReply, {"key": key, "prompt": prompt, **asked, **paid}
    return prompt, key


def opinion_rows(number: int, place: int, plan: Transcript) -> Iterator[Row]:
    """An opinion of a delegate's, how it was judged, and the sample that it may have become."""
    position = OPINIONS * number + place
    fate = FATES[position % len(FATES)]
    turn = 2 * place + 1
    seat = plan.seats[turn % len(plan.seats)]
    _, request = yield from requested("verify", "", SAID, number, place)
    text = said(number, turn)
    opinion = Opinion.model_validate(
        {
            "id": f"o_{position:020x}", "text": text, "quote": text, "start": 0, "end": len(text),
            "talk": talk_id(number), "turn": turn, "speaker": seat.id, "culture": seat.culture.id,
            "country": seat.culture.country, "question": plan.seed.id, "stance": seat.stance, "about": "own",
            "verdict": "entail", "voice": "first", "dropped": fate, "requests": (request,),
            **({"kept": f"o_{position - 1:020x}", "cosine": 0.97, "merged_by": "cosine"} if fate == "merged" else {}),
        }
    )  # fmt: skip
    where = {"talk": opinion.talk, "turn": turn}
    document = opinion.model_dump(mode="json")
    yield OpinionRow, {"id": opinion.id, "position": position, **where, "dropped": fate, "opinion": document}
    yield AnnotationRow, {**where, "position": position, "text": text, "label": fate or "entail"}
    if fate is None and plan.question is not None:
        sample = make_sample(opinion, (), question=plan.question, culture=seat.culture)
        kept = {"culture": sample.culture, "question": sample.question, "sample": sample.model_dump(mode="json")}
        yield SampleRow, {"id": sample.id, "position": position, **kept}


def said(number: int, turn: int) -> str:
    """What is said in one turn of one talk."""
    return f"{SAID} This is turn {turn} of talk {number}."


def talk_id(number: int) -> str:
    """An id that looks like a content id."""
    return f"t_{number:020x}"
