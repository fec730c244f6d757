"""Who speaks in a text, in nine languages, and what code leaves alone."""

import pytest

from culturepark.postprocess.voice import speaks_first


@pytest.mark.parametrize(
    ("language", "first", "third"),
    [
        ("en", "I'm sure of it.", "Omar is sure of it."),
        ("en", "That is what our house is like.", "The hour is what they like."),
        ("en", "We’ve always said so.", 'She says "I love tea" every day.'),
        ("en", "It matters to me.", "Health, theory and others' meals matter, they said."),
        ("de", "Das ist mir wichtig.", "Ichthyologie ist ihnen wichtig."),
        ("es", "Creo que los padres van primero.", "Los padres van primero, dicen."),
        ("pt-BR", "Acho que os pais vêm primeiro.", "Nos dias de festa, os pais vêm primeiro."),
        ("tr", "Ailenin önemli olduğunu düşünüyorum.", "Aile önemlidir, der herkes."),
        ("tr", "İnanırım buna.", "Benzer aile önemlidir."),
        ("ar", "أعتقد أن العائلة أولا.", "العائلة أولا عند الجميع."),
        ("bn", "আমার পরিবার আগে।", "পরিবার আগে, সে বলে।"),
        ("zh", "我觉得家人最重要。", "家人最重要，他说。"),
        ("zh", "家人对我最重要。", "他说：“我爱茶。”"),
        ("ko", "우리 가족이 먼저다.", "가족이 먼저다."),
        ("ko", "저는 그렇게 생각해요.", "그는 그렇게 생각해요."),
    ],
)
def test_first_person_is_told_by_pronouns_and_verbs_outside_quotations(language: str, first: str, third: str) -> None:
    assert speaks_first(first, language) is True
    assert speaks_first(third, language) is False


def test_an_unknown_language_is_not_guessed_at() -> None:
    assert speaks_first("Εγώ το πιστεύω.", "el") is None
