"""Putting the questions of the dialogue suite to models, and what came back."""

from collections.abc import Callable, Sequence

from culturepark.benchmarks.asking import Asker, count
from culturepark.benchmarks.dialogue.asked import (
    Ask,
    control_asks,
    hearings,
    kind_asks,
    probes,
    read_control,
    read_label,
    read_stance,
    understanding_asks,
)
from culturepark.benchmarks.dialogue.readings import METERS, Placed, Reading, by_talk, with_distances
from culturepark.benchmarks.dialogue.settings import MEASURES, Measure
from culturepark.benchmarks.dialogue.topics import Labelled
from culturepark.benchmarks.task import Counts, Task
from culturepark.personas.culture import Culture
from culturepark.personas.surveys.survey import Survey
from culturepark.runtime.record import Record
from culturepark.simulation.transcript import Transcript


class Measured(Record):
    """What models said about talks."""

    readings: tuple[Reading, ...] = ()
    """Of all meters, talk by talk, with distances."""
    control: tuple[Placed, ...] = ()
    """What the judge made of sentences that say a stance outright."""
    labels: dict[Measure, tuple[Labelled, ...]] = {}
    """`kinds` and `understanding`."""
    counts: Counts = Counts()


def asks_of(
    talks: Sequence[Transcript], measures: Sequence[Measure], *, survey: Survey, task: Task, cultures: Sequence[Culture]
) -> dict[Measure, list[Ask]]:
    """All questions about talks, by measure in the order of `MEASURES`: so many requests, less those asked before."""
    makers: dict[Measure, Callable[[Transcript], list[Ask]]] = {
        "told": lambda talk: probes(talk, survey, "told"),
        "near": lambda talk: probes(talk, survey, "near"),
        "heard": lambda talk: hearings(talk, task, cultures),
        "kinds": lambda talk: kind_asks(talk, task, cultures),
        "understanding": lambda talk: understanding_asks(talk, task, cultures),
    }
    found: dict[Measure, list[Ask]] = {}
    for name in MEASURES:
        if name == "control" and {"heard", "control"} & set(measures):
            found[name] = control_asks(talks, task)
        elif name in measures:
            found[name] = [ask for talk in talks for ask in makers[name](talk)]
    return found


async def put(asker: Asker, asks: dict[Measure, list[Ask]]) -> Measured:
    """Put questions to a model, measure by measure.

    Raises:
        EndpointDownError: When nothing can be asked.
        BudgetSpentError: When the budget ended the run; every reply so far is kept.
    """
    readings: list[Reading] = []
    labels: dict[Measure, tuple[Labelled, ...]] = {}
    control: tuple[Placed, ...] = ()
    counts = Counts()
    for name, own in asks.items():
        answers = await asker.choose([ask.closed for ask in own], what=f"dialogue, {name}")
        counts += count(answers)
        if name in METERS:
            readings += [read_stance(*pair) for pair in zip(own, answers, strict=True)]
        elif name == "control":
            control = tuple(read_control(*pair) for pair in zip(own, answers, strict=True))
        else:
            labels[name] = tuple(read_label(*pair) for pair in zip(own, answers, strict=True))
    return Measured(readings=tuple(readings), control=control, labels=labels, counts=counts)


def together(parts: Sequence[Measured], talks: Sequence[Transcript]) -> Measured:
    """What several models said about the same talks, with the distances of all readings."""
    by_id = by_talk([reading for part in parts for reading in part.readings])
    return Measured(
        readings=tuple(one for talk in talks for one in with_distances(talk, by_id.get(talk.id, ()))),
        control=tuple(one for part in parts for one in part.control),
        labels={name: labels for part in parts for name, labels in part.labels.items()},
        counts=sum((part.counts for part in parts), start=Counts()),
    )
