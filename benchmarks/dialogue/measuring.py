"""Putting the questions of the dialogue suite to models, and what came back."""

from collections.abc import Callable, Sequence

from culturepark.benchmarks.asking import Asker, count
from culturepark.benchmarks.dialogue.asked import (
    Ask,
    hearings,
    kind_asks,
    probes,
    read_label,
    read_stance,
    understanding_asks,
)
from culturepark.benchmarks.dialogue.readings import METERS, Reading, by_talk, with_distances
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
    return {name: [ask for talk in talks for ask in makers[name](talk)] for name in MEASURES if name in measures}


async def put(asker: Asker, asks: dict[Measure, list[Ask]]) -> Measured:
    """Put questions to a model, measure by measure.

    Raises:
        EndpointDownError: When nothing can be asked.
        BudgetSpentError: When the budget ended the run; every reply so far is kept.
    """
    readings: list[Reading] = []
    labels: dict[Measure, tuple[Labelled, ...]] = {}
    counts = Counts()
    for name, own in asks.items():
        answers = await asker.choose([ask.closed for ask in own], what=f"dialogue, {name}")
        counts += count(answers)
        if name in METERS:
            readings += [read_stance(*pair) for pair in zip(own, answers, strict=True)]
        else:
            labels[name] = tuple(read_label(*pair) for pair in zip(own, answers, strict=True))
    return Measured(readings=tuple(readings), labels=labels, counts=counts)


def together(parts: Sequence[Measured], talks: Sequence[Transcript]) -> Measured:
    """What several models said about the same talks, with the distances of all readings."""
    by_id = by_talk([reading for part in parts for reading in part.readings])
    return Measured(
        readings=tuple(one for talk in talks for one in with_distances(talk, by_id.get(talk.id, ()))),
        labels={name: labels for part in parts for name, labels in part.labels.items()},
        counts=sum((part.counts for part in parts), start=Counts()),
    )
