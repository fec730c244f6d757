"""Countries and languages as the ISO tables have them (pycountry); imported where they are needed, not at start."""

from functools import cache

import pycountry


def is_country(code: str) -> bool:
    """Whether a code is ISO 3166-1 alpha-3."""
    return pycountry.countries.get(alpha_3=code) is not None


@cache
def country_names() -> dict[str, str]:
    """Alpha-3 code by each name a country has in the tables: `Türkiye`, `South Korea`, `Korea, Republic of`."""
    return {
        name: country.alpha_3
        for country in pycountry.countries
        for field in ("official_name", "name", "common_name")
        if (name := getattr(country, field, None))
    }


@cache
def language_name(tag: str) -> str:
    """English name of the language of a BCP 47 tag: `Turkish` of `tr`; the tag itself where no table has it."""
    code = tag.partition("-")[0]
    known = pycountry.languages.get(alpha_2=code) if len(code) == 2 else pycountry.languages.get(alpha_3=code)
    return tag if known is None else str(getattr(known, "common_name", known.name))


def wrong_subtag(tag: str) -> str | None:
    """The first part of a BCP 47 tag that stands in no ISO table; None when all do.

    Language (ISO 639), script (ISO 15924) and region (ISO 3166 alpha-2) are looked up; variants and extensions, which
    ISO does not list, are taken as they are.
    """
    language, *others = tag.split("-")
    if len(language) == 2:
        known = pycountry.languages.get(alpha_2=language)
    else:
        known = pycountry.languages.get(alpha_3=language)
    if known is None:
        return language
    for part in others:
        if len(part) == 4 and part.isalpha() and pycountry.scripts.get(alpha_4=part.title()) is None:
            return part
        if len(part) == 2 and pycountry.countries.get(alpha_2=part.upper()) is None:
            return part
    return None
