"""Transcripts in files: the versioned format, its JSON schema, and writing into a run all or nothing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import Store
from culturepark.runtime.whole_file import whole_file
from culturepark.simulation.talks import add_talks, load_transcripts
from culturepark.simulation.transcript import Transcript


def transcript_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of one exported transcript."""
    schema = Transcript.model_json_schema(mode="serialization", by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_talks(talks: Sequence[Transcript], out: Path) -> None:
    """Write one transcript a line; the file appears whole or not at all.

    Raises:
        CultureParkError: When it cannot be written.
    """
    lines = (json.dumps(talk.model_dump(mode="json"), ensure_ascii=False) + "\n" for talk in talks)
    write_whole(out, "".join(lines), option="--out")


def write_whole(out: Path, text: str, *, option: str) -> None:
    """Write a file that appears whole or not at all; `option` is what named it.

    Raises:
        CultureParkError: When it cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{out}: cannot be written ({error.strerror}); choose another {option}") from None


class Imported(NamedTuple):
    """What an import did."""

    added: tuple[str, ...]
    """Ids of talks that are new in the run."""
    known: tuple[str, ...]
    """Ids of talks that were there already, with the same content."""


def import_talks(store: Store, talks: Sequence[Transcript]) -> Imported:
    """Put talks into a run in one transaction.

    Raises:
        CultureParkError: When a talk of the same id and other content is there, or stands twice among the new ones.
    """
    there = {talk.id: talk for talk in load_transcripts(store, ids=[talk.id for talk in talks])}
    new: dict[str, Transcript] = {}
    for talk in talks:
        before = there.get(talk.id, new.get(talk.id))
        if before is not None and before != talk:
            raise CultureParkError(
                f"{store.folder}: talk {talk.id} is there with other content; import into a run of its own (--run)"
            )
        if before is None:
            new[talk.id] = talk
    add_talks(store, list(new.values()))
    return Imported(tuple(new), tuple(sorted({talk.id for talk in talks} - set(new))))
