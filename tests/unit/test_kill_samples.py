"""The kill matrix of the oracles: made from rows of three domains, full cells, own mutants killed, few false alarms."""

from __future__ import annotations

from functools import cache

import pytest

from labkit.evaluation.kill_matrix import CASE, RIGHT, KillMatrix, accepts
from labkit.evaluation.kill_samples import (
    DOMAINS,
    EACH,
    MAKERS,
    OWN,
    clean_rows,
    oracle_matrix,
    oracle_samples,
    own_killed,
)
from labkit.evaluation.mutants import MUTATORS
from labkit.evaluation.registry import known_oracles

FEW = 12  # answers of each kind: enough to see every oracle at work in a second or two


@cache
def matrix() -> KillMatrix:
    return oracle_matrix(FEW, {})


def test_every_oracle_that_needs_no_model_has_samples_and_own_mutants() -> None:
    own = {name for name, function in known_oracles().items() if function.__module__.startswith("labkit.")}
    assert set(MAKERS) == set(OWN) == own - {"prefers"}
    assert {kind for kinds in OWN.values() for kind in kinds} == set(MUTATORS)
    assert matrix().oracles == sorted(OWN)
    assert CASE not in matrix().oracles


def test_every_cell_is_full_and_every_own_kind_has_one() -> None:
    assert all(row["n"] >= FEW for row in matrix().table())
    assert all(matrix().rate(name, kind).n for name, kinds in OWN.items() for kind in (*kinds, RIGHT))
    assert EACH >= 40


@pytest.mark.parametrize("name", sorted(OWN))
def test_an_oracle_kills_its_own_mutants(name: str) -> None:
    assert own_killed(matrix())[name].rate >= 0.95


@pytest.mark.parametrize("name", sorted(set(OWN) - {"equals"}))
def test_an_oracle_lets_other_right_answers_pass(name: str) -> None:
    assert matrix().rate(name, RIGHT).rate <= 0.1


def test_samples_come_from_three_domains_accept_their_answer_and_are_the_same_twice() -> None:
    found = oracle_samples(FEW)
    assert found == oracle_samples(FEW)
    assert all(accepts(sample, sample.answer) for sample in found)
    by_answer = {row.response: domain for domain in DOMAINS for row in clean_rows(domain)}
    assert {by_answer[sample.answer] for sample in found} == set(DOMAINS)


def test_planted_defects_are_no_right_answers() -> None:
    assert not any(row.id == "dec-0004" for row in clean_rows("decision"))  # it says "Approved" where a code is due
    assert len(clean_rows("knowledge")) > 300
