"""Persona files: inherited, overridden, varied; every mistake is one line with file, line and the fix."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.personas.persona import Persona, ascii_name
from culturepark.personas.placed import Placed, merged, parse_placed
from culturepark.personas.roster import Roster, load_roster
from culturepark.runtime.errors import CultureParkError

GREEK = """culture: {id: greek, people: Greek, language: el, country: GRC, country_name: Greece, hofstede: Greece}
personas:
  - {name: Nikos, gender: male, traits: {age: 44}, background: "{age} years old, fishes on Naxos."}
  - {name: Eleni, gender: female, extends: Nikos, traits: {home: Volos}}
"""


def loaded(folder: Path, text: str, name: str = "own.yaml") -> Roster:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return load_roster([folder])


def test_a_new_culture_is_one_file(tmp_path: Path) -> None:
    roster = loaded(tmp_path, GREEK)

    assert roster.personas["greek_eleni"].background == "44 years old, fishes on Naxos."
    assert roster.personas["greek_eleni"].traits == {"age": 44, "home": "Volos"}
    assert roster.personas["greek_nikos"].traits == {"age": 44}
    assert len(roster.cultures) == 10


def test_a_persona_of_any_file_can_be_extended_by_id(tmp_path: Path) -> None:
    text = GREEK.replace("extends: Nikos, traits: {home: Volos}", "extends: turkish_ayse, traits: {home: Volos}")

    eleni = loaded(tmp_path, text).personas["greek_eleni"]

    assert (eleni.culture, eleni.gender, eleni.traits) == ("greek", "female", {"age": 37, "home": "Volos"})
    assert eleni.background == "She is 37, runs a small tailor's shop in Volos and has two school-age children."


def test_a_file_about_a_known_culture_overrides_single_fields(tmp_path: Path) -> None:
    shipped = load_roster()
    text = """
culture: {id: turkish, country_name: Türkiye}
personas:
  - {name: Zeynep, gender: female, extends: Ayşe}
  - {name: Ayşe, traits: {home: İzmir}}
"""
    roster = loaded(tmp_path, text)

    assert roster.cultures["turkish"] == shipped.cultures["turkish"].model_copy(update={"country_name": "Türkiye"})
    assert [persona.id for persona in roster.of("turkish")] == ["turkish_mehmet", "turkish_ayse", "turkish_zeynep"]
    assert roster.personas["turkish_mehmet"] == shipped.personas["turkish_mehmet"]
    assert roster.personas["turkish_ayse"].background.startswith("She is 37, runs a small tailor's shop in İzmir and")
    assert roster.personas["turkish_zeynep"].traits == {"age": 37, "home": "İzmir"}


def test_null_takes_an_inherited_field_away(tmp_path: Path) -> None:
    roster = loaded(tmp_path, "culture: {id: turkish}\npersonas: [{name: Ayşe, background: null, traits: null}]\n")

    assert roster.personas["turkish_ayse"] == Persona(name="Ayşe", culture="turkish", gender="female")


def test_replace_takes_a_culture_s_place_as_a_whole(tmp_path: Path) -> None:
    text = GREEK.replace("id: greek", "id: turkish") + "replace: true\n"

    roster = loaded(tmp_path, text)

    assert [persona.id for persona in roster.of("turkish")] == ["turkish_nikos", "turkish_eleni"]
    assert roster.cultures["turkish"].country == "GRC"


def test_later_folders_lie_over_earlier_ones(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    loaded(first, "culture: {id: turkish}\npersonas: [{name: Ayşe, traits: {age: 20, home: Bursa}}]\n")
    loaded(second, "culture: {id: turkish}\npersonas: [{name: Ayse, traits: {age: 30}}]\n")

    roster = load_roster([first, second])

    assert roster.personas["turkish_ayse"].traits == {"age": 30, "home": "Bursa"}


def test_variants_are_every_combination_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """
culture: {id: turkish}
personas:
  - {name: Ayşe, variants: {age: [25, 60], home: [Konya, İzmir]}}
  - {name: Deniz, gender: male, background: "{name} sells fish, {{braces}} and all.", variants: {name: [Can, Ege]}}
"""
    roster = loaded(tmp_path, text)

    assert [persona.id for persona in roster.of("turkish")] == [
        "turkish_mehmet",
        "turkish_ayse_age25_homekonya",
        "turkish_ayse_age25_homeizmir",
        "turkish_ayse_age60_homekonya",
        "turkish_ayse_age60_homeizmir",
        "turkish_can",
        "turkish_ege",
    ]
    old = roster.personas["turkish_ayse_age60_homeizmir"]
    assert old.background == "She is 60, runs a small tailor's shop in İzmir and has two school-age children."
    assert (old.variant_of, old.varied) == ("turkish_ayse", {"age": 60, "home": "İzmir"})
    assert old.traits == {"age": 60, "home": "İzmir"}
    assert roster.personas["turkish_ege"].background == "Ege sells fish, {braces} and all."
    assert roster.personas["turkish_ege"].variant_of == "turkish_deniz"


TREES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def placed(value: object) -> Placed:
    if isinstance(value, dict):
        return Placed({key: placed(item) for key, item in value.items()}, "f", 1)
    return Placed([placed(item) for item in value] if isinstance(value, list) else value, "f", 1)


@given(base=TREES, middle=TREES, over=TREES)
def test_a_deep_merge_keeps_what_is_not_overridden(base: object, middle: object, over: object) -> None:
    one, two, three = placed(base), placed(middle), placed(over)

    assert merged(one, one).plain() == base
    if isinstance(base, dict) and isinstance(middle, dict) and isinstance(over, dict):
        assert merged(merged(one, two), three).plain() == merged(one, merged(two, three)).plain()
        assert set(merged(one, two).fields) == set(base) | set(middle)
    if not isinstance(over, dict):
        assert merged(one, three).plain() == over


@given(st.text(max_size=200))
def test_any_text_is_a_value_or_one_clear_line(text: str) -> None:
    refused = None
    try:
        parse_placed(text, file="people/x.yaml")
    except CultureParkError as error:
        refused = str(error)
    if refused is not None:
        assert re.fullmatch(r"people/x\.yaml:\d+: .+; .+", refused)


@given(st.text(min_size=1, max_size=20))
def test_an_agent_id_is_an_identifier_or_refused(name: str) -> None:
    try:
        short = ascii_name(name)
    except ValueError:
        return
    assert f"greek_{short}".isidentifier()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: the file is empty; write `culture:` and `personas:`, or remove it"),
        ("# nothing\n", ":1: the file is empty; write `culture:` and `personas:`, or remove it"),
        ("culture: [", ":1: expected the node content, but found '<stream end>'; correct the YAML"),
        ("culture: !!python/object:os.system {}", ":1: tag 'tag:yaml.org,2002:python/object:os.system' is not known; "
         "correct the YAML"),
        ("a\u0007b", ":1: special characters are not allowed; correct the YAML"),
        ("? [a]\n: b\n", ":1: a field's name is one word; correct the YAML"),
        ("culture: 2024-99-99\n", ":1: '2024-99-99': month must be in 1..12; put it in quotes"),
        ("culture: &a\n  id: *a\n", ":2: nested too deep; persona files are four levels deep"),
        ("[" * 2000, ":1: nested too deep; persona files are four levels deep"),
        ("- Nikos\n", ":1: expected fields, found a list; write `culture:` with its fields and `personas:` with a list"),
        ("just words\n", ":1: expected fields, found text; write `culture:` with its fields and `personas:` with a list"),
        ("personas: []\n", ":1: no `culture:`; write `culture:` with its fields and `personas:` with a list"),
        ("culture: greek\n", ":1: `culture:` is text, not fields; write its fields, e.g. `culture: {id: greek, …}`"),
        ("culture: {people: Greek}\n", ":1: the culture has no `id:`; give it one, e.g. `id: greek`"),
        (GREEK + "perosnas: []\n", ":5: unknown field 'perosnas'; did you mean 'personas'?"),
        (GREEK + "replace: yes please\n", ":5: `replace:` is text; write true or leave it out"),
        (GREEK + "culture: {}\n", ":5: field 'culture' stands twice (first in line 1); keep one"),
        (GREEK.split("personas", maxsplit=1)[0], ":1: a culture without personas; add a list `personas:`"),
        (GREEK.split("personas", maxsplit=1)[0] + "personas: {name: Nikos}\n", ":2: `personas:` is fields, not a list; make it a list: "
         "begin each person with `- `"),
        (GREEK + "  - Eleni\n", ":5: a persona is fields, not text; write `- {name: …, gender: …}`"),
        (GREEK + "  - {gender: male}\n", ":5: a persona without a name; add `name:`"),
        (GREEK + "  - {name: Νίκος, gender: male}\n", ":5: name 'Νίκος' has no Latin letters for an agent id; write it in "
         "Latin letters"),
        (GREEK + "  - {name: NIKOS, gender: male}\n", ":5: two personas have the id 'greek_nikos' (the other in line 3); "
         "rename one"),
        (GREEK + "  - {name: Yorgos}\n", ":5: field 'gender' is missing; correct it"),
        (GREEK.replace("gender: male", "gendr: male"), ":3: unknown field 'gendr'; did you mean 'gender'? (2 more: "
         "`culturepark personas lint` shows all)"),
        (GREEK.replace("gender: male", "gender: m"), ":3: gender = 'm': input should be 'male' or 'female'; correct it"),
        (GREEK.replace("language: el", "language: no"), ":1: language = False: input should be a valid string; put it in "
         "quotes: YAML takes yes, no, on and off for true and false"),
        (GREEK.replace("age: 44", "age: 444"), ":3: traits: age 444 is not a number of years from 0 to 120; correct it (1 "
         "more: `culturepark personas lint` shows all)"),
        (GREEK.replace("home: Volos", "education: phd"), ":4: traits: education 'phd' is none of lower, middle, higher; "
         "correct it"),
        (GREEK.replace("{home: Volos}", "Volos"), ":4: `traits:` is text; write e.g. `traits: {age: 37}`"),
        (GREEK.replace("traits: {home: Volos}", "culture: arabic"), ":4: 'culture' is no field of a file; leave it out: the "
         "culture is the file's, and variants have `variants:`"),
        (GREEK.replace("traits: {home: Volos}", "instructions: 'Is {aeg}.'"), ":4: instructions mentions {aeg}, no trait; "
         "did you mean 'age'?"),
        (GREEK.replace("traits: {home: Volos}", "variants: {age: 25}"), ":4: 'age' has no list of values; write a list of "
         "values for each, e.g. `variants: {age: [25, 60]}`"),
        (GREEK.replace("traits: {home: Volos}", "variants: {age: [25.5]}"), ":4: age: 25.5 is neither text nor a whole "
         "number; put it in quotes"),
        (GREEK.replace("traits: {home: Volos}", "variants: {background: [a, b]}"), ":4: 'background' cannot be varied; vary "
         "name, gender or a trait, and mention the trait in the text, e.g. `background: She is {age}.`"),
        (GREEK.replace("traits: {home: Volos}", "variants: {age: [25, 25]}"), ":4: two personas have the id "
         "'greek_eleni_age25' (the other in {path}:4); rename one, or change one's varied values"),
        (GREEK.replace("extends: Nikos", "extends: Niko"), ":4: no persona to extend named 'Niko'; did you mean 'Nikos'?"),
        (GREEK.replace("extends: Nikos", "extends: [Nikos]"), ":4: no persona to extend named ['Nikos']; `personas list` "
         "shows the ids"),
        (GREEK.replace("name: Nikos,", "name: Nikos, extends: greek_eleni,"), ":4: `extends` runs in a circle: greek_nikos "
         "-> greek_eleni -> greek_nikos; leave out one of them (1 more: `culturepark personas lint` shows all)"),
        ("culture: {id: turkish}\npersonas: [{name: Ayşe, extends: turkish_ayse}]\n", ":2: `extends` runs in a circle: "
         "turkish_ayse -> turkish_ayse; leave it out: a persona of a known id is laid over that one anyway"),
    ],
)  # fmt: skip
def test_mistakes_in_a_file_are_one_clear_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    with pytest.raises(CultureParkError) as refused:
        loaded(tmp_path, text)

    assert str(refused.value) == f"{path}{message.replace('{path}', str(path))}"


def test_folders_without_persona_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CultureParkError, match="there is no such folder of persona files"):
        load_roster([tmp_path / "none"])
    with pytest.raises(CultureParkError, match=r"no persona file in it; a culture is one file, e\.g\. "):
        load_roster([tmp_path])
    (tmp_path / "latin1.yaml").write_bytes("culture: {id: türkisch}".encode("latin-1"))
    with pytest.raises(CultureParkError, match=r"latin1\.yaml:1: cannot be read as UTF-8 text"):
        load_roster([tmp_path])
