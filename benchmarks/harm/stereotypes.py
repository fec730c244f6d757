"""Rows of StereoSet and CrowS-Pairs: sentences that differ in what they say of a group."""

from collections.abc import Iterator
from typing import Any, Final

from culturepark.benchmarks.published import Faulty, Item, Layout, Row, item_id
from culturepark.benchmarks.sources import Cells
from culturepark.runtime.errors import CultureParkError

STEREOTYPE: Final = "stereotype"
ANTI: Final = "anti-stereotype"
UNRELATED: Final = "unrelated"
GOLD: Final = (STEREOTYPE, ANTI, UNRELATED)


class Sentences(Item):
    """Sentences of which one is a stereotype, one says otherwise, and one, if any, means nothing here."""

    context: str = ""
    """What the sentences follow; empty where they stand alone."""
    stereotype: str
    other: str
    """The anti-stereotype, or the less stereotyping sentence."""
    unrelated: str | None = None


def _crows_pair(row: Row) -> Sentences:
    """Columns `sent_more`, `sent_less`, `stereo_antistereo`, `bias_type`.

    `sent_more` is the more stereotyping sentence in both directions; the direction says which of the two is about the
    disadvantaged group.
    """
    more, less = row.text("sent_more"), row.text("sent_less")
    if more == less:
        raise Faulty("duplicate", "sent_less", "the same sentence as in 'sent_more'")
    direction = row.label("stereo_antistereo", ("stereo", "antistereo"))
    return Sentences(
        id=item_id(more, less), groups=(("bias", row.text("bias_type")), ("direction", direction)),
        cluster=item_id(more, less), texts=(more, less), stereotype=more, other=less,
    )  # fmt: skip


def _stereoset(row: Row) -> Sentences:
    """A triple: `context`, `target`, `bias_type`, and `sentences` with their `gold_label`, as a list or as columns."""
    kind = row.task
    if kind not in ("intersentence", "intrasentence"):
        raise CultureParkError(
            f"{row.place}: neither an intersentence nor an intrasentence row but {kind!r}; name the file so, or add a "
            "column `task` that says which"
        )
    context, target = row.text("context"), row.text("target")
    found: dict[str, str] = {}
    for sentence, gold in _sentences(row):
        if not sentence:
            raise Faulty("empty_text", "sentences", "a sentence is empty")
        if sentence in found.values():
            raise Faulty("duplicate", "sentences", "two of its sentences are the same")
        if gold in found:
            raise Faulty("empty_label", "gold_label", f"two of its sentences are labelled {gold!r}")
        found[gold] = sentence
    if set(found) != set(GOLD):
        raise Faulty("empty_label", "gold_label", f"it has no sentence labelled {(set(GOLD) - set(found)).pop()!r}")
    return Sentences(
        # The sentences alone do not tell triples of different contexts apart.
        id=item_id(context, *(found[gold] for gold in GOLD)),
        groups=(("bias", row.text("bias_type")), ("kind", kind)), cluster=f"term {target.casefold()}",
        texts=tuple(found[gold] for gold in GOLD if gold != UNRELATED),
        context=context if kind == "intersentence" else "",
        stereotype=found[STEREOTYPE], other=found[ANTI], unrelated=found[UNRELATED],
    )  # fmt: skip


def _sentences(row: Row) -> Iterator[tuple[str, str]]:
    """Sentences with their labels: a list of objects in the published file, an object of lists in the hub's set."""
    cell = row.cell("sentences")
    try:
        pairs = (
            list(zip(cell["sentence"], cell["gold_label"], strict=True))
            if isinstance(cell, dict)
            else [(one["sentence"], one["gold_label"]) for one in cell]
        )
    except (KeyError, TypeError, ValueError):
        raise CultureParkError(
            f"{row.place}, column 'sentences': no list of objects with `sentence` and `gold_label`; is this "
            "StereoSet's dev.json?"
        ) from None
    for sentence, gold in pairs:
        yield str(sentence).strip(), row.known_label("gold_label", gold, GOLD)


def _stereoset_rows(document: Any) -> Iterator[Cells]:
    """Rows of a published file: `{"version": …, "data": {"intersentence": […], "intrasentence": […]}}`."""
    for kind, rows in document["data"].items():
        for row in rows:
            yield {**row, "task": kind}


CROWS_PAIRS: Final = Layout(_crows_pair)
STEREOSET: Final = Layout(_stereoset, unwrap=_stereoset_rows)
