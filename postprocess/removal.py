"""Remove a survey question, or one country's answers to it, from a run with everything that was derived from it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from culturepark.personas.surveys.survey import Survey
from culturepark.postprocess.annotate.tables import delete_items, load_returned, load_sheets
from culturepark.postprocess.embeddings import forget_embeddings
from culturepark.postprocess.fence import quoted
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.refine import make_samples
from culturepark.postprocess.sample import Sample
from culturepark.postprocess.sentences import split_sentences
from culturepark.postprocess.tables import load_opinions, load_samples, put_refined
from culturepark.postprocess.talk_facts import facts_of
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.forget import Prompts, contents, forget, load_prompts, scrub
from culturepark.runtime.record import Record
from culturepark.runtime.store import Base, Store
from culturepark.simulation.exclusions import Exclusion, exclude, load_exclusions
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript

STANDS_ALONE: Final = 12
"""Characters from which a text is looked for as it is; a shorter one ("Yes.") only where it is quoted as a whole."""


class Line(Record):
    """One kind of thing."""

    what: str
    removed: int
    kept: int
    why: str = ""
    """Why the rest stays."""


class Removal(Record):
    """What is removed, or would be."""

    question: str
    country: str | None
    again: bool
    """Whether it was removed before: nothing is left to remove, or came back by hand."""
    talks: tuple[str, ...]
    lines: tuple[Line, ...]


class _Rows(NamedTuple):
    """What a removal touches, by id."""

    talks: list[str]
    opinions: list[Opinion]
    """All that stay."""
    samples: list[Sample]
    """All that stay."""
    items: dict[str, list[str]]
    """By sheet: codes."""
    keys: set[str]
    messages: set[str]


def chosen(store: Store, question: str, country: str | None, *, survey: Survey) -> Exclusion:
    """What `--question` and `--country` name.

    Raises:
        CultureParkError: For a question that neither the run nor its survey has, or a country that has no answers.
    """
    talks = load_transcripts(store)
    known = {talk.question.id for talk in talks if talk.question is not None} | set(survey.questions)
    found = next((name for name in (question, f"{survey.info.name}:{question}") if name in known), None)
    if found is None:
        hint = did_you_mean(question, known) or "; `culturepark surveys list` shows the questions"
        raise CultureParkError(f"--question {question!r}: neither this run nor its survey has it{hint}")
    held = {seat.stance.country for talk in talks for seat in talk.seats if seat.stance is not None}
    countries = sorted(held | set(survey.countries))
    if country is not None and country not in countries:
        raise CultureParkError(
            f"--country {country!r}: no answers of such a country{did_you_mean(country, countries) or '.'} "
            f"Known: {', '.join(countries)}."
        )
    return Exclusion(question=found, country=country)


def plan_removal(store: Store, exclusion: Exclusion) -> Removal:
    """List everything that was derived from what is excluded; changes nothing."""
    return _plan(store, exclusion)[0]


def remove(store: Store, exclusion: Exclusion) -> bool:
    """Remove it all in one transaction, and keep the exclusion so that no later run makes it again.

    The caller holds the run's lock.

    Returns:
        Whether the texts are gone from the file, too. Where not, removing once more finishes it.

    Raises:
        CultureParkError: When the file could not be written; removing once more finishes that, too.
    """
    _, rows = _plan(store, exclusion)
    with store.session() as session:
        connection = session.connection()
        for table in Base.metadata.sorted_tables:
            # Whatever any stage keeps of a talk: its turns, opinions, annotations.
            if {"run_id", "talk"} <= set(table.c.keys()):
                _delete(connection, table, "talk", store.run_id, rows.talks)
        _delete(connection, Base.metadata.tables["talks"], "id", store.run_id, rows.talks)
        if rows.talks:
            put_refined(connection, store.run_id, rows.opinions, rows.samples, None)
            texts = {text for opinion in rows.opinions for text in (opinion.text, opinion.judged_text)}
            forget_embeddings(connection, store.run_id, texts)
        delete_items(connection, store.run_id, rows.items)
        forget(connection, store.run_id, keys=rows.keys, messages=rows.messages)
        exclude(connection, store, exclusion)
    return scrub(store)


def _plan(store: Store, exclusion: Exclusion) -> tuple[Removal, _Rows]:
    talks = load_transcripts(store)
    gone = _derived(talks, exclusion)
    staying = [talk for talk in talks if talk.id not in gone]
    opinions, samples = load_opinions(store), load_samples(store)
    kept_opinions, kept_samples = _left(opinions, samples, staying)
    gone_opinions = {opinion.id for opinion in opinions if opinion.talk in gone}
    items, item_count, rating_count = _items(store, gone_opinions)
    prompts = load_prompts(store)
    keys = _replies(store, prompts, talks, opinions, gone)
    kept_opinions = [_without(opinion, gone_opinions, keys) for opinion in kept_opinions]
    rest = prompts.chain(prompts.replies.keys() - keys)
    messages = prompts.chain(keys) - rest
    before = {sample.id: sample.mass for sample in samples}
    after = {sample.id: sample.mass for sample in kept_samples}
    new = len(after.keys() - before.keys())
    lighter = sum(mass < before.get(sample, mass) for sample, mass in after.items())
    why = []
    if lighter:
        why.append(f"{lighter} stand for fewer opinions now")
    if new:
        why.append(
            f"{new} stand on their own, since the opinion that stood for them goes; the next refine may merge them"
        )
    turns = {talk.id: len(talk.turns) for talk in talks}
    all_items = sum(len(sheet.items) for sheet in load_sheets(store))
    all_ratings = sum(len(one.ratings) for one in load_returned(store))
    lines = (
        Line(what="talks", removed=len(gone), kept=len(staying)),
        Line(what="turns", removed=sum(turns[talk] for talk in gone), kept=sum(turns[talk.id] for talk in staying)),
        Line(what="opinions", removed=len(opinions) - len(kept_opinions), kept=len(kept_opinions)),
        Line(what="samples", removed=len(before.keys() - after.keys()), kept=len(after), why="; ".join(why)),
        Line(what="items on rating sheets", removed=item_count, kept=all_items - item_count),
        Line(what="ratings", removed=rating_count, kept=all_ratings - rating_count),
        Line(
            what="ledger replies",
            removed=len(keys),
            kept=len(prompts.replies) - len(keys),
            why="of talks that stay, or about no talk (calibration of the judge)",
        ),
        Line(
            what="messages of prompts",
            removed=len(messages),
            kept=len(rest),
            why="replies that stay need them (instructions are shared by all)",
        ),
    )
    removal = Removal(
        question=exclusion.question,
        country=exclusion.country,
        again=exclusion in load_exclusions(store),
        talks=tuple(talk.id for talk in talks if talk.id in gone),
        lines=lines,
    )
    return removal, _Rows(sorted(gone), kept_opinions, kept_samples, items, keys, messages)


def _derived(talks: Sequence[Transcript], exclusion: Exclusion) -> set[str]:
    """Ids of the talks that use the answers, and of forks that share turns with such a talk."""
    gone = {talk.id for talk in talks if exclusion.covers(talk)}
    while (
        heirs := {talk.id for talk in talks if talk.parent and talk.parent.turn > 0 and talk.parent.id in gone} - gone
    ):
        gone |= heirs
    return gone


def _left(
    opinions: Sequence[Opinion], samples: Sequence[Sample], staying: Sequence[Transcript]
) -> tuple[list[Opinion], list[Sample]]:
    """What is left of a refinement: samples lose opinions, and opinions whose stand-in goes are samples again."""
    talks = {talk.id for talk in staying}
    left = {opinion.id: opinion for opinion in opinions if opinion.talk in talks}
    alone = {
        opinion.id: opinion.model_copy(update={"dropped": None, "kept": None, "cosine": None, "merged_by": None})
        for opinion in left.values()
        if opinion.kept is not None and opinion.kept not in left
    }
    left |= alone
    order = {opinion: place for place, opinion in enumerate(left)}
    facts = {talk.id: facts_of(talk) for talk in staying if talk.question is not None}
    kept = list(make_samples(list(alone.values()), facts))
    for sample in samples:
        if sample.opinions[0] in left:
            mine = tuple(opinion for opinion in sample.opinions if opinion in left)
            kept.append(sample.model_copy(update={"opinions": mine, "mass": len(mine)}))
    return list(left.values()), sorted(kept, key=lambda sample: order[sample.opinions[0]])


def _without(opinion: Opinion, gone: set[str], keys: set[str]) -> Opinion:
    """An opinion that no longer names what goes; whether it is still corroborated is for the next refine to say."""
    requests = tuple(key for key in opinion.requests if key not in keys)
    novelty = opinion.novelty
    if novelty is not None:
        left = tuple(other for other in novelty.corroborated_by if other not in gone)
        novelty = novelty.model_copy(update={"corroborated_by": left})
    return opinion.model_copy(update={"requests": requests, "novelty": novelty})


def _items(store: Store, opinions: set[str]) -> tuple[dict[str, list[str]], int, int]:
    """Items that show one of the opinions, by sheet, with how many they and their ratings are."""
    found: dict[str, list[str]] = defaultdict(list)
    for sheet in load_sheets(store):
        found[sheet.id] += [item.code for item in sheet.items if opinions & set(item.opinions)]
    ratings = sum(rating.item in found[one.sheet] for one in load_returned(store) for rating in one.ratings)
    return dict(found), sum(map(len, found.values())), ratings


def _replies(
    store: Store, prompts: Prompts, talks: Sequence[Transcript], opinions: Sequence[Opinion], gone: set[str]
) -> set[str]:
    """Ledger keys that only removed talks lead to.

    Talks and opinions name the replies they were made from. Others (draws that a check turned down, replies nobody
    could read, comparisons of two opinions) are told by their prompts: the same prompt as a removed reply's, the same
    context of an utterance, or words of a removed talk in the last message. The latter go although an opinion that
    stays names them: it was compared with one that goes.
    """
    of_gone, of_kept = _named(talks, opinions, gone)
    keys = (of_gone - of_kept) & prompts.replies.keys()
    kept = of_kept & prompts.replies.keys()
    nameless = prompts.replies.keys() - of_gone - of_kept

    def contexts(of: set[str]) -> set[str | None]:
        return {
            prompts.parents[prompts.replies[key].prompt] for key in of if prompts.replies[key].purpose == "utterance"
        }

    asked = {prompts.replies[key].prompt for key in keys} - {prompts.replies[key].prompt for key in kept}
    heard = contexts(keys) - contexts(kept)
    words = _words(talks, opinions, gone)
    texts = contents(store, {prompts.replies[key].prompt for key in nameless | kept})
    for key in nameless:
        prompt, purpose = prompts.replies[key]
        if prompt in asked or (purpose == "utterance" and prompts.parents[prompt] in heard):
            keys.add(key)
    return keys | {key for key in nameless | kept if _holds(quoted(texts[prompts.replies[key].prompt]), words)}


def _named(talks: Sequence[Transcript], opinions: Sequence[Opinion], gone: set[str]) -> tuple[set[str], set[str]]:
    """Ledger keys that removed talks and opinions name, and those that the others do."""
    of_gone: set[str] = set()
    of_kept: set[str] = set()
    for talk in talks:
        (of_gone if talk.id in gone else of_kept).update(turn.request for turn in talk.turns if turn.request)
    for opinion in opinions:
        (of_gone if opinion.talk in gone else of_kept).update(opinion.requests)
    return of_gone, of_kept


def _words(talks: Sequence[Transcript], opinions: Sequence[Opinion], gone: set[str]) -> set[str]:
    """Sentences, opinions and protocol questions that are in removed talks only, as they stand in prompts."""
    of_gone: set[str] = set()
    of_kept: set[str] = set()
    for talk in talks:
        words = of_gone if talk.id in gone else of_kept
        for turn in talk.turns:
            language = talk.seat(turn.speaker).language
            words.update(quoted(sentence.text)[1:-1] for sentence in split_sentences(turn.text, language=language))
            words.update(quoted(ask.prompt)[1:-1] for ask in turn.asks)
    for opinion in opinions:
        words = of_gone if opinion.talk in gone else of_kept
        texts = {opinion.text, opinion.quote}
        texts.update(text for change in opinion.rewrites for text in (change.before, change.after) if text is not None)
        words.update(quoted(text)[1:-1] for text in texts)
    return of_gone - of_kept


def _holds(prompt: str, words: set[str]) -> bool:
    return any((text if len(text) >= STANDS_ALONE else f"”{text}”") in prompt for text in words)


def _delete(connection: sa.Connection, table: sa.Table, column: str, run_id: str, values: Sequence[str]) -> None:
    statement = sa.delete(table).where(table.c.run_id == run_id, table.c[column] == sa.bindparam("value"))
    if values:
        connection.execute(statement, [{"value": value} for value in values])
