"""Turn checks: what code can tell about an utterance without asking a model."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import cast

import numpy as np
from numpy.typing import NDArray

from culturepark.personas.language import primary
from culturepark.protocols.turn import Flag
from culturepark.runtime.record import parse_yaml
from culturepark.simulation.identify import is_in

ROLE_BREAK = re.compile(
    r"\b(as an? (ai|artificial|language model|assistant)|i('m| am) (an? )?(ai|language model|chatbot|virtual assistant)"
    r"|i('m| am) sorry, (but )?i (don't|do not|can't|cannot)|general information"
    r"|provide (me with )?more (context|information)|clarify your question|how (can|may) i (help|assist)"
    r"|direction for|two short sentences|in the first person|language model|as requested"
    r"|here('s| is) (the|a) (next )?line|the moderator|in a whisper|openai|alibaba)\b",
    re.IGNORECASE,
)
NEAR_COPY = 0.3
"""Share of an utterance's runs of letters found in an earlier one, from which it counts as a copy."""
SHINGLE = (20, 8)
"""Length of a run in alphabetic scripts, and in those where a letter is a word or a syllable (Chinese, Korean)."""
FIRST_SYLLABIC = 0x2E80
HASH = 0x9E3779B97F4A7C15
"""Odd, so that no letter's weight vanishes modulo 2 to the 64."""
OPENING_QUOTES = '"“«„「『'
ANY_QUOTES = '"“”«»„‟「」『』'
CLOSING_QUOTES = '"”»“」』'
# A full stop inside a number or after a title ends no sentence.
SENTENCE_END = re.compile(r"(?:[!?…。！？؟۔।]|(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bSt)(?<!\bMrs)\.(?!\d))[\"'”“’»)\]」』]*")


def tidy(reply: str, *, name: str, others: Sequence[str]) -> str:
    """Cut what is not speech: labels, stage directions, quote marks around it, another's part, a half sentence.

    Args:
        reply: As the model wrote it.
        name: The speaker's display name.
        others: Names of the other seats: what follows one of their labels is theirs.
    """
    text = reply.strip()
    for label in (name, *others):
        text = re.sub(rf"^[\[(*]*\s*{re.escape(label)}\s*[\])*]*\s*[:：]\s*[*]*\s*", "", text).strip("*")
    for other in (*others, name):
        text = re.split(rf"\n\s*[*\[]*{re.escape(other)}\s*[*\]]*\s*[:：]", text, maxsplit=1)[0]
    text = re.split(r"\n\s*\[", text, maxsplit=1)[0].strip()
    text = re.sub(r"^(\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】)\s*(?=\w)", "", text)
    if len(text) > 1 and text[0] in OPENING_QUOTES and not any(mark in text[1:-1] for mark in ANY_QUOTES):
        text = text[1:].rstrip(CLOSING_QUOTES).strip()
    if ends := list(SENTENCE_END.finditer(text)):
        text = text[: ends[-1].end()]
    return " ".join(text.split())


class Utterances:
    """What was said in a talk so far, for comparison with what is said next; its hashes are gone with the talk."""

    def __init__(self, utterances: Iterable[tuple[str, str]] = ()) -> None:
        """With `(speaker, text)` of what was said before."""
        self._speakers: list[str] = []
        self._runs: list[NDArray[np.uint64]] = []
        self._every = np.zeros(0, dtype=np.uint64)
        """All runs of all utterances, sorted."""
        for speaker, text in utterances:
            self.add(speaker, text)

    def add(self, speaker: str, text: str) -> None:
        """Note one more utterance."""
        runs = _runs(text)
        self._speakers.append(speaker)
        self._runs.append(runs)
        self._every = np.sort(np.concatenate([self._every, runs]))

    def copied(self, text: str) -> set[str]:
        """Who said something that `text` copies."""
        own = _runs(text)
        # Most utterances share no run with any before, and that is seen without going through all of them.
        if not _among(own, self._every).any():
            return set()
        same = _copies(own, self._runs)
        return {speaker for speaker, copy in zip(self._speakers, same, strict=True) if copy}


def flags(text: str, *, said: Utterances, speaker: str, name: str, language: str, cut: bool) -> tuple[Flag, ...]:
    """Name what is wrong with an utterance.

    Args:
        text: The tidied utterance.
        said: Every earlier utterance.
        speaker: Who says this one: a copy of oneself is a repetition, of another a parrot.
        name: The speaker's display name.
        language: BCP 47 of what this speaker speaks.
        cut: Whether the reply ran into the token limit.
    """
    if not any(char.isalnum() for char in text):
        return ("empty",)
    found: list[Flag] = []
    if _breaks_role(text, language) or re.search(rf"\b{re.escape(name)}\b", text):
        # A character who speaks of herself by name has become the narrator.
        found.append("role_break")
    copied = said.copied(text)
    if copied - {speaker}:
        found.append("parrot")
    if speaker in copied:
        found.append("repetition")
    if not is_in(text, language):
        found.append("wrong_language")
    if cut and not SENTENCE_END.search(text):
        found.append("truncated")
    return tuple(found)


def copies(text: str, said: Sequence[str]) -> NDArray[np.bool_]:
    """Whether much of `text` was already said, word for word, in each earlier utterance, shape `(len(said),)`."""
    return _copies(_runs(text), [_runs(earlier) for earlier in said])


def _copies(own: NDArray[np.uint64], known: Sequence[NDArray[np.uint64]]) -> NDArray[np.bool_]:
    if not len(own) or not known:
        return np.zeros(len(known), dtype=np.bool_)
    every = np.concatenate(known)
    found = _among(every, own)
    ends = np.cumsum([len(runs) for runs in known])
    before = np.concatenate([[0], np.cumsum(found)])
    shared = before[ends] - before[ends - [len(runs) for runs in known]]
    return np.asarray(shared / len(own) >= NEAR_COPY)


def _among(runs: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each run is one of the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(runs), dtype=np.bool_)
    places = known.searchsorted(runs)
    return np.asarray(known[np.minimum(places, len(known) - 1)] == runs)


@lru_cache(maxsize=4_096)  # an utterance is hashed when it is checked, and again when it is noted: after all in flight
def _runs(text: str) -> NDArray[np.uint64]:
    """Hash every run of letters as long as about five words, sorted, each once; all of a text that is shorter.

    Spaces are left out: small models lose some when they copy. Hashes, because the runs themselves would be most of
    what a talk in flight takes in memory.
    """
    letters = "".join(filter(str.isalnum, text.casefold()))
    codes = np.frombuffer(letters.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    syllabic = np.count_nonzero(codes >= FIRST_SYLLABIC) > len(codes) / 2
    size = min(SHINGLE[int(syllabic)], len(codes))
    if not size:
        return codes
    # A view of each run; numpy's own way to make it costs more than all the rest.
    step = codes.itemsize
    runs = np.ndarray((len(codes) - size + 1, size), codes.dtype, codes, strides=(step, step))
    # Runs of different lengths are never the same run.
    hashes: NDArray[np.uint64] = runs @ _weights(size) + np.uint64(size)
    hashes.sort()
    return np.asarray(hashes[np.concatenate([[True], hashes[1:] != hashes[:-1]])])


@lru_cache(maxsize=32)
def _weights(size: int) -> NDArray[np.uint64]:
    """A letter's weight by its place in a run."""
    return np.cumprod(np.full(size, HASH, dtype=np.uint64), dtype=np.uint64)


def _breaks_role(text: str, language: str) -> bool:
    """English is looked for in every talk: models fall back on it to say that they are models."""
    if ROLE_BREAK.search(text):
        return True
    # Lower case of the Turkish İ is an i with a dot of its own above it.
    lower = text.casefold().replace("i\u0307", "i")
    return any(phrase in lower for phrase in _role_breaks().get(primary(language), ()))


@lru_cache(maxsize=1)
def _role_breaks() -> Mapping[str, Sequence[str]]:
    text = (files(__package__) / "role_breaks.yaml").read_text(encoding="utf-8")
    return cast("Mapping[str, Sequence[str]]", parse_yaml(text, place="role_breaks.yaml"))
