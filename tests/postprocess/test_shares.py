"""Amounts of people and their country, as texts name them."""

import pytest

from culturepark.postprocess.shares import claimed_share, country_meant
from tests.postprocess.talking import SURVEY


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Most people here think so.", (0.5, 1.0)),
        ("en", "The vast majority think so.", (0.85, 1.0)),
        ("en", "About 40 % think so.", (0.3, 0.5)),
        ("en", "40 percent of us, only a few, think so.", None),
        ("en", "It is the most important thing to people.", None),
        ("en", "Nobody owes it to society, and everybody knows that.", None),
        ("en", "A 1500 % rise.", None),
        ("de", "Die meisten denken so, sagt Sophia.", (0.5, 1.0)),
        ("es", "La gran mayoría lo piensa.", (0.85, 1.0)),
        ("pt-BR", "Quase ninguém pensa assim.", (0.0, 0.1)),
        ("tr", "İnsanların çoğu böyle düşünür.", (0.5, 1.0)),
        ("tr", "Halkın %80'i böyle düşünür.", (0.7, 0.9)),
        ("ar", "٨٠٪ من الناس يرون ذلك.", (0.7, 0.9)),
        ("ar", "معظم الناس يرون ذلك.", (0.5, 1.0)),
        ("bn", "বেশিরভাগ মানুষ তাই ভাবে।", (0.5, 1.0)),
        ("zh", "绝大多数人都这样想。", (0.85, 1.0)),
        ("zh", "百分之80的人这样想。", (0.7, 0.9)),
        ("ko", "대부분의 사람들이 그렇게 생각해요.", (0.5, 1.0)),
        ("el", "Οι περισσότεροι.", None),
    ],
)
def test_amounts(language: str, text: str, expected: tuple[float, float] | None) -> None:
    found = claimed_share(text, language)

    assert (found is None) == (expected is None)
    if expected is not None:
        assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "In Jordan they do.", "JOR"),
        ("en", "Back home they do.", "TUR"),
        ("en", "They do.", None),
        ("en", "There they do, and elsewhere.", None),
        ("en", "In Turkey and China they do.", None),
        ("en", "The Jordanian baker, in chinaware.", None),
        ("tr", "Türkiye'de öyle.", "TUR"),
        ("tr", "Bizde öyle.", "TUR"),
        ("zh", "在中国是这样。", "CHN"),
        ("ar", "في الأردن كذلك.", "JOR"),
        ("ko", "대한민국에서는 그래요.", "KOR"),
    ],
)
def test_countries(language: str, text: str, expected: str | None) -> None:
    assert country_meant(text, language, own="TUR", survey=SURVEY) == expected
