"""The warning examples are what they say: counted by hand, and fooled as measured elsewhere."""

from __future__ import annotations

import pytest

from labkit.evaluation.similarity import LETTERS, SCORES, chrf, ngram_cosine, rouge_l

RUG = "You can return the rug within 45 days of delivery."


@pytest.mark.parametrize("score", [s.of for s in (*SCORES.values(), *LETTERS.values())])
def test_a_scorer_is_1_for_the_same_and_0_for_nothing_in_common(score) -> None:
    assert score(RUG, RUG) == pytest.approx(1)
    assert score(RUG, "") == score("", RUG) == 0
    assert 0 < score(RUG, "You may keep the rug for 45 days.") < 1


def test_rouge_l_counts_the_longest_common_subsequence_of_words() -> None:
    assert rouge_l("the cat sat on the mat", "the cat on a mat") == pytest.approx(2 * 4 / 11)  # the cat on mat
    assert rouge_l("a b c d", "d c b a") == pytest.approx(2 * 1 / 8)
    assert rouge_l("Within 45 Days!", "within 45 days") == 1


def test_chrf_counts_character_ngrams_and_recall_twice() -> None:
    # "abcd" against "abce": orders 1 to 4 give 3/4, 2/3, 1/2 and 0/1, the same both ways
    assert chrf("abcd", "abce") == pytest.approx((3 / 4 + 2 / 3 + 1 / 2 + 0) / 4)
    # "abcdef" against "ab": precision (1 + 1)/2, recall (2/6 + 1/5)/2 over the orders that both have
    precision, recall = 1.0, (2 / 6 + 1 / 5) / 2
    assert chrf("abcdef", "ab") == pytest.approx(5 * precision * recall / (4 * precision + recall))
    assert chrf("a b c d", "abcd") == 1  # blanks do not count


def test_ngram_cosine_sees_letters_not_truth() -> None:
    assert ngram_cosine("45 days", "54 weeks") == pytest.approx(0, abs=0.2)
    assert ngram_cosine(RUG, RUG.replace("rug", "rag")) > 0.8


@pytest.mark.parametrize("name", SCORES)
def test_a_shifted_number_passes_and_a_right_paraphrase_does_not(name: str) -> None:
    score = SCORES[name]
    assert score.of(RUG, RUG.replace("45", "90")) >= score.bar
    assert score.of(RUG, RUG.replace("can return", "can not return")) >= score.bar
    assert score.of(RUG, "Forty-five days after it arrives, the hose has to stay with you.") < score.bar
