"""Outside data that is broken in every way: `python -m benchmarks.faults.fuzz [--inputs 100000]`.

Each parser of what comes from outside gets a good document, changed at random by a seed. It must read it, or raise one
line that a user can act on; anything else would reach the user as a traceback.
"""

import argparse
import csv
import io
import json
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from langchain_core.messages import AIMessage

from culturepark import Study
from culturepark.benchmarks.data_sets import load_set, read_user_registry
from culturepark.benchmarks.education.lesson import Guess, Lesson
from culturepark.benchmarks.education.lesson_files import read_lessons, write_lessons
from culturepark.benchmarks.hofstede.files import OFFICIAL, TABLE, load_items, load_scores
from culturepark.benchmarks.knowledge.questions import load_questions
from culturepark.benchmarks.parsing import read_choice
from culturepark.benchmarks.task import BenchSettings
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.import_goqa import import_goqa
from culturepark.personas.surveys.import_wvs import import_wvs
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.annotate.items import Item
from culturepark.postprocess.annotate.sheet import COLUMNS, read_returned
from culturepark.postprocess.annotate.tables import Sheet
from culturepark.postprocess.extract import PointedOpinions
from culturepark.postprocess.judge import read_label
from culturepark.postprocess.replies import read_reply
from culturepark.postprocess.reword import Reworded
from culturepark.protocols.catalogue import load_protocol
from culturepark.runtime.console import plain
from culturepark.runtime.errors import CultureParkError, RetryableError
from culturepark.runtime.models.adapters import CONFIG, DESCRIPTION, WEIGHTS, Adapter, adapter_sha256, read_adapter
from culturepark.runtime.models.endpoint import Endpoint
from culturepark.runtime.request import Message, Request
from culturepark.simulation.imports import Casting, read_talks
from culturepark.training.row import read_rows
from tests.personas.wvs_sheet import write_wvs
from tests.training.tiny import make_rows

ROOT: Final = Path(__file__).resolve().parents[2]
PIECES: Final = (
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r", b",", b";", b"\t", b'"', b"'", b"-", b"-1", b"0",
    b"1e999",
    b"NaN", b"null", b"true", b"[]", b"{}", b"{", b"}", b"[", b"]", b": ", b"&a", b"*a", b"<<: *a",
    b"!!python/object:os.system",
    b"99999999999999999999999999", b"\\ud800", b"\xed\xa0\x80", "é".encode(), "漢".encode(), "\u202e".encode(),
    b"\x1b[31m", b"=1+1",
    b"../../etc/passwd", b"%s", b"{0}", b"{topic}", b"2024-01-01", b"1_000", b"0x1f", b"~", b"|", b">", b"? ",
)  # fmt: skip
"""What is put into documents."""


class Target(NamedTuple):
    """A parser, and a document it reads."""

    seed: bytes
    name: str
    """File name of the document."""
    read: Callable[[Path], object]


class Fuzzed(NamedTuple):
    """What became of the inputs of one parser."""

    inputs: int
    read: int
    refused: int
    faults: Mapping[str, str]
    """Tracebacks that would have reached a user, by the error and where it came from."""


def main() -> None:
    """Fuzz every parser, print a line each, and exit with 1 where a traceback came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="in all, shared out evenly")
    parser.add_argument("--seed", type=int, default=20240515)
    parser.add_argument("--only", help="name of one parser")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = total = 0
    with tempfile.TemporaryDirectory() as folder:
        targets = {name: one for name, one in make_targets(Path(folder)).items() if chosen.only in {None, name}}
        for name, target in targets.items():
            began = time.monotonic()
            found = fuzz(target, Path(folder), inputs=-(-chosen.inputs // len(targets)), seed=chosen.seed)
            print(
                f"{name:<22} {found.inputs:>7} inputs: {found.read:>6} read, {found.refused:>6} refused in one line, "
                f"{len(found.faults)} faults, {time.monotonic() - began:.0f} s",
                flush=True,
            )
            for told in found.faults.values():
                print(told)
            failed += len(found.faults)
            total += found.inputs
    print(f"{total} inputs, {failed} different tracebacks")
    sys.exit(1 if failed else 0)


def fuzz(target: Target, folder: Path, *, inputs: int, seed: int) -> Fuzzed:
    """Give a parser its document, changed so often."""
    assert attempt(target, target.seed, folder) == "read", f"the unchanged {target.name} is refused"
    counts: Counter[str] = Counter()
    faults: dict[str, str] = {}
    for number in range(inputs):
        data = changed(target.seed, random.Random(f"{seed} {target.name} {number}"))
        try:
            counts[attempt(target, data, folder)] += 1
        except Exception as error:  # whatever comes is what is looked for
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
            faults.setdefault(place, f"{data[:2000]!r}\n{''.join(traceback.format_exception(error)[-12:])}")
    return Fuzzed(inputs, counts["read"], counts["refused"], faults)


def attempt(target: Target, data: bytes, folder: Path) -> str:
    """Have a parser read a document; an error that is no line for a user flies."""
    path = folder / target.name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    try:
        target.read(path)
    except (CultureParkError, RetryableError) as error:
        return "refused" if plain(str(error)).strip() else "refused without a word"
    return "read"


def changed(data: bytes, rng: random.Random) -> bytes:
    """A document with a few changes: bytes, pieces, lines and stretches lost, doubled, moved or replaced."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((0, 1, 1, 4, 16, 200)))
        match rng.randrange(7):
            case 0:
                data = data[:start] + data[end:]
            case 1:
                data = data[:start] + rng.choice(PIECES) + data[end:]
            case 2:
                data = data[:start] + rng.choice(PIECES) * rng.choice((1, 2, 500)) + data[start:]
            case 3:
                data = data[:start] + bytes(rng.randrange(256) for _ in range(rng.randrange(4))) + data[end:]
            case 4:
                data = data[:end] + data[start:end] + data[end:]
            case 5:
                lines = data.split(b"\n")
                one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
                lines[one], lines[other] = lines[other], lines[one]
                data = b"\n".join(lines)
            case _:
                words = data.split(b" ")
                words[rng.randrange(len(words))] = rng.choice(PIECES)
                data = b" ".join(words)
    return data


def make_targets(folder: Path) -> dict[str, Target]:
    """Every parser of outside data, by what it reads."""
    survey = load_survey("wvs7")
    seats = {"Ann": "english_lily", "Bo": "arabic_abdul"}
    casting = Casting(load_roster(), survey, survey.question("Q27"), seats=seats)
    korean = (ROOT / "personas/cultures/korean.yaml").read_bytes()
    script = (ROOT / "protocols/scripts/interview.yaml").read_bytes()
    talk = {"turns": [{"speaker": "Ann", "text": "Family first."}, {"speaker": "Bo", "text": "I agree."}]}
    wvs = write_wvs(folder / "seed.csv", {"JOR": 3, "KOR": 2}).read_bytes()
    sheet, returned = _sheet()
    rows = "\n".join(row.model_dump_json() for row in make_rows(3))
    registry = (
        "tweets: {task: offence, culture: arabic, language: ar, columns: {text: text, label: label}, "
        "labels: {'0': not_offensive, '1': offensive}, local: tweets.csv, licence: x, source: 'https://x.org'}\n"
    )
    return {
        "WVS CSV": Target(wvs, "wvs.csv", import_wvs),
        "GlobalOpinionQA CSV": Target(_goqa(), "goqa.csv", import_goqa),
        "transcripts": Target(
            (json.dumps(talk) + "\n" + json.dumps(talk)).encode(), "talks.jsonl", lambda path: read_talks(path, casting)
        ),
        "culture YAML": Target(korean, "cultures/korean.yaml", lambda path: load_roster([path.parent])),
        "protocol script": Target(script, "script.yaml", lambda path: load_protocol(str(path))),
        "study YAML": Target(
            b"name: mine\nmodel: openai:gpt-4o\nsimulate: {cultures: [arabic], talks: 3}\n"
            b"vary: {protocol: [interview, debate]}\nrefine: {dedupe: {min_cosine: 0.9}}\n"
            b"train: {seeds: [1, 2]}\nbudget: {money: 20}\n"
            b"bench: [moderation]\nlimits: {requests_per_minute: 60}\n",
            "study.yaml",
            Study.load,
        ),
        "data set CSV": Target(
            b"text,label\nyou are nice,0\nyou are bad,1\n\"a, b\",0\n", "tweets.csv", _set_reader(folder, registry)
        ),
        "data set registry": Target(registry.encode(), "sets.yaml", lambda path: read_user_registry(path, data=None)),
        "data set JSONL": Target(
            b'{"text": "you are nice", "label": "0"}\n{"text": "you are bad", "label": 1}\n',
            "tweets.jsonl",
            _set_reader(folder, registry.replace("tweets.csv", "tweets.jsonl")),
        ),
        "data set JSON": Target(
            b'[{"text": "you are nice", "label": "0"}, {"text": "you are bad", "label": 1}]',
            "tweets.json",
            _set_reader(folder, registry.replace("tweets.csv", "tweets.json")),
        ),
        "knowledge questions": Target(_questions(), "knowledge/jordan.jsonl", _read_questions),
        "questionnaire": Target(
            (ROOT / "benchmarks/hofstede/items.yaml").read_bytes(), OFFICIAL, lambda path: load_items(path.parent)
        ),
        "Hofstede's table": Target(
            _scores(), TABLE, lambda path: load_scores(path.parent, tuple(load_roster().cultures.values()))
        ),
        "lessons CSV": Target(_lessons("csv", folder), "lessons.csv", lambda path: read_lessons([path])),
        "lessons JSONL": Target(_lessons("jsonl", folder), "lessons.jsonl", lambda path: read_lessons([path])),
        "adapter": Target(_adapter(folder), f"adapter/{DESCRIPTION}", lambda path: read_adapter(path.parent)),
        "peft's description": Target(
            b'{"r": 8, "lora_alpha": 16, "use_rslora": false, "target_modules": ["q_proj"]}',
            f"adapter/{CONFIG}",
            lambda path: adapter_sha256(path.parent),
        ),
        "annotation sheet": Target(returned, "sheet.csv", lambda path: read_returned(path, [sheet])),
        "training rows": Target(rows.encode(), "rows.jsonl", read_rows),
        "endpoint's JSON": Target(_completion(), "reply.json", _endpoint_reader()),
        "model's opinions": Target(
            b'{"opinions": [{"sentence": 1, "about": "own", "kind": "value"}]}',
            "opinions.json",
            lambda path: read_reply(_message(path), PointedOpinions),
        ),
        "model's rewording": Target(b'{"text": "I live near my parents."}', "text.json", _read_texts),
    }  # fmt: skip


def _questions() -> bytes:
    answer = {"answers": ["bread", "khubz"], "en_answers": ["bread"], "count": 3}
    question = {
        "id": "q1", "country": "JOR", "culture": "arabic", "language": "ar", "topic": "food", "question": "Breakfast?",
        "en_question": "What is eaten for breakfast?", "answers": [answer], "idks": {"idk": 1},
    }  # fmt: skip
    return "\n".join(json.dumps({**question, "id": f"q{number}"}) for number in range(2)).encode()


def _read_questions(path: Path) -> object:
    found, problems = load_questions(BenchSettings(data=str(path.parents[1])))
    if problems:  # of files that are left out
        raise CultureParkError(problems[0])
    return found


def _scores() -> bytes:
    rows = sorted({name for one in load_roster().cultures.values() for name in (one.hofstede, one.country_name)})
    lines = [f"{number};{name};40;55;#NULL!;46;26;68" for number, name in enumerate(rows)]
    return "\n".join(["ctr;country;pdi;idv;mas;uai;ltowvs;ivr", *lines]).encode()


def _lessons(kind: str, folder: Path) -> bytes:
    before, after = (
        (Guess(question=f"wvs7:{form}1", share=0.4), Guess(question=f"wvs7:{form}2", shares={1: 0.25, 2: 0.75}))
        for form in "AB"
    )
    lesson = Lesson(
        id="abcd1234", consent="1", adult=True, culture="turkish", country="TUR", arm="culture_model", order="AB",
        status="complete", exchanges=3, before=before, after=after, sheet={"clear": 4, "again": None},
    )  # fmt: skip
    path = folder / f"seed-lessons.{kind}"
    write_lessons([lesson], path)
    return path.read_bytes()


def _adapter(folder: Path) -> bytes:
    """A description, and beside it what makes a folder an adapter's."""
    place = folder / "adapter"
    place.mkdir(exist_ok=True)
    for name, data in ((WEIGHTS, b""), (CONFIG, b"{}")):
        (place / name).write_bytes(data)
    made = Adapter(
        base="smollm2-135m", base_sha256="0" * 64, cultures=("arabic",), rows=2, rows_sha256="1" * 64,
        rows_by_country={"JOR": 2}, rows_by_kind={"sample": 2}, validation_rows=0, settings={"rank": 8}, seed=1,
        device="cpu", precision="float32", quantization="none", steps=1, stopped_early=False, loss=1.5,
        validation_loss_before=None, validation_loss=None,
    )  # fmt: skip
    return made.model_dump_json(indent=2).encode()


def _read_texts(path: Path) -> object:
    text = path.read_bytes().decode(errors="replace")
    read_label(text, {"Yes": "entail", "No": "contradict", "Maybe": "irrelevant"})
    read_choice(text, ("1", "2", "3"))
    return read_reply(_message(path), Reworded)


def _message(path: Path) -> AIMessage:
    text = path.read_bytes().decode(errors="replace")
    return AIMessage(content=text, response_metadata={"finish_reason": "stop"})


def _completion() -> bytes:
    top = [{"token": "Yes", "logprob": -0.1, "bytes": [89]}, {"token": "No", "logprob": -3.0, "bytes": None}]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Yes", "refusal": None},
        "logprobs": {"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": top}]},
        "finish_reason": "stop",
    }
    usage = {"prompt_tokens": 12, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4}}
    return json.dumps({"model": "m", "choices": [choice], "usage": usage}).encode()


def _endpoint_reader() -> Callable[[Path], object]:
    endpoint = Endpoint(identity="openai:m", model="m", base_url="http://127.0.0.1:1", dialect="compatible")
    request = Request(messages=(Message(role="user", content="?"),), purpose="verify", labels=("Yes", "No"))

    def read(path: Path) -> object:
        try:
            body = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            return None  # what `Endpoint.ask` says of it is tested over HTTP
        return endpoint.reply(body, request)

    return read


def _goqa() -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("question", "selections", "options", "source"))
    shares = "defaultdict(<class 'list'>, {'Jordan': [0.5, 0.3, 0.2], 'Japan': [0.2, 0.7, 0.1]})"
    writer.writerow(("Do you trust people?", shares, "['Very much', 'Not at all', 'DK/Refused']", "GAS"))
    writer.writerow(("How happy are you?", "{'Germany': [0.5, 0.5]}", "['1', '2']", "WVS"))
    return text.getvalue().encode()


def _set_reader(folder: Path, registry: str) -> Callable[[Path], object]:
    place = folder / f"registry-{len(list(folder.glob('registry-*')))}.yaml"
    place.write_text(registry, encoding="utf-8")
    entry: Any = None

    def read(path: Path) -> object:
        nonlocal entry
        if entry is None:
            entry = read_user_registry(place, data=path.parent)["tweets"]
        return load_set("tweets", entry)

    return read


def _sheet() -> tuple[Sheet, bytes]:
    item = Item(
        code="i1", kind="opinion", culture="arabic", country="JOR", place="Jordan", language="English",
        question="wvs7:Q27", asked="Proud parents?", scale="1 agree to 4 disagree", texts=("I agree.",),
        opinions=("o_1",), stratum="all", stratum_size=1, stratum_drawn=1, side="below", verdict="entail",
        judge="openai:m", merged=None,
    )  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    filled = {
        "item": "i1",
        "kind": "opinion",
        "rater": "ann",
        "authenticity": "4",
        "stance": "below",
        "stereotype": "no",
    }
    tie = {"item": "tie:arabic", "kind": "tie", "rater": "ann", "tie": "none"}
    for cells in (tie, filled):
        writer.writerow([cells.get(column, "") for column in COLUMNS])
    return Sheet(id="s", seed=1, raters=("ann",), items=(item,)), text.getvalue().encode()


if __name__ == "__main__":
    main()
