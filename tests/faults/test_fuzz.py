"""Broken outside data is read or refused in one line; `python -m benchmarks.faults.fuzz` does 100,000 inputs."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from culturepark.benchmarks.faults.fuzz import Target, attempt, changed, make_targets
from culturepark.runtime.errors import CultureParkError

NAMES = (
    "WVS CSV", "GlobalOpinionQA CSV", "transcripts", "culture YAML", "protocol script", "study YAML", "data set CSV",
    "data set registry", "data set JSONL", "data set JSON", "knowledge questions", "questionnaire", "Hofstede's table",
    "lessons CSV", "lessons JSONL", "adapter", "peft's description", "annotation sheet", "training rows",
    "endpoint's JSON", "model's opinions", "model's rewording",
)  # fmt: skip


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Target, Path]]:
    folder = tmp_path_factory.mktemp("fuzz")
    return {name: (target, folder) for name, target in make_targets(folder).items()}


def test_every_parser_reads_its_document(targets: Mapping[str, tuple[Target, Path]]) -> None:
    assert tuple(targets) == NAMES
    for target, folder in targets.values():
        assert attempt(target, target.seed, folder) == "read"


@pytest.mark.parametrize(
    ("name", "document", "said"),
    [
        ("data set registry", b"tweets: " + b"[" * 3000, " nested too deeply; correct the YAML"),
        ("study YAML", b"name: 2024-13-45\n", " month must be in 1..12; correct the YAML"),
        (
            "protocol script",
            b'name: a\nwhat: b\nrounds: [{speaker: delegates, guidance: [{en: "Ask {\\ud800next}."}]}]\n',
            " \"no placeholder {\\ud800next}; did you mean 'next'?; known: {topic}, {other}, {next}, {country}\" holds half a "
            "character; correct it",
        ),
        (
            "training rows",
            b'{"stance": ' + b"9" * 5000 + b"}\n",
            "1: not JSON (Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits; use "
            "sys.set_int_max_str_digits() to increase the limit); make the rows again",
        ),
        ("peft's description", b"[]", " expected fields and values, found list"),
        ("peft's description", b'{"r": 8', "1: not JSON (Expecting ',' delimiter)"),
    ],
    ids=["nested too deeply", "no date", "half a character", "a number too long", "no description", "half of one"],
)
def test_what_was_found_is_refused_in_one_line(
    name: str, document: bytes, said: str, targets: Mapping[str, tuple[Target, Path]]
) -> None:
    target, folder = targets[name]
    (folder / target.name).write_bytes(document)

    with pytest.raises(CultureParkError) as refused:
        target.read(folder / target.name)

    assert str(refused.value) == f"{folder / target.name}:{said}"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=False))
def test_a_changed_document_is_read_or_refused_in_one_line(
    targets: Mapping[str, tuple[Target, Path]], name: str, random: object
) -> None:
    target, folder = targets[name]

    assert attempt(target, changed(target.seed, random), folder) in {"read", "refused"}  # type: ignore[arg-type]
