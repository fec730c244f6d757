"""Which slot of our own server a prompt is sent to."""

from hypothesis import given
from hypothesis import strategies as st

from culturepark.runtime.models.slots import Slots
from culturepark.runtime.request import Message


def prompt(*texts: str) -> tuple[Message, ...]:
    return tuple(Message(role="user", content=text) for text in texts)


def answered(slots: Slots, *texts: str) -> int | None:
    """Take a slot for a prompt, and leave it."""
    slot = slots.take(prompt(*texts))
    if slot is not None:
        slots.leave(slot, prompt(*texts))
    return slot


def test_each_speaker_of_a_talk_stays_in_a_slot_of_its_own() -> None:
    slots = Slots(3)

    assert answered(slots, "rules", "you are Lily", "speak") == 0
    assert answered(slots, "rules", "you are Abdul", "Lily: hello", "speak") == 1
    assert answered(slots, "rules", "you are Lily", "Lily: hello", "Abdul: hi", "speak") == 0
    assert answered(slots, "rules", "you are Abdul", "Lily: hello", "Abdul: hi", "Lily: so", "speak") == 1
    assert answered(slots, "rules", "you are Ayla", "speak") == 2, "a new speaker drives nobody out while there is room"


def test_who_begins_takes_the_slot_that_was_longest_unused() -> None:
    slots = Slots(2)
    for speaker in ("one", "two"):
        answered(slots, speaker, "speak")
    answered(slots, "one", "more", "speak")

    assert answered(slots, "three", "speak") == 1
    assert answered(slots, "one", "more", "and more", "speak") == 0


def test_requests_that_share_their_instructions_share_a_slot_that_has_read_them() -> None:
    slots = Slots(2)
    answered(slots, "extract", "turn 1")
    answered(slots, "verify", "claim 1")

    assert [answered(slots, "verify", "claim 2"), answered(slots, "extract", "turn 2")] == [1, 0]


def test_with_all_slots_taken_the_server_decides() -> None:
    slots = Slots(1)
    first = slots.take(prompt("one", "speak"))

    assert (first, slots.take(prompt("two", "speak"))) == (0, None)
    assert Slots(0).take(prompt("one")) is None


@given(st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from("abc"), min_size=1, max_size=4)), max_size=40))
def test_no_slot_is_taken_twice_at_once(steps: list[tuple[bool, list[str]]]) -> None:
    slots, taken = Slots(3), dict[int, tuple[Message, ...]]()
    for take, texts in steps:
        if take:
            slot = slots.take(prompt(*texts))
            assert (slot is None) == (len(taken) == 3)
            assert slot not in taken
            if slot is not None:
                taken[slot] = prompt(*texts)
        elif taken:
            slots.leave(*taken.popitem())
