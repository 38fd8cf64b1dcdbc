"""The table of traps: each names a test that exists, and a test guards one trap."""

from __future__ import annotations

import ast

import pytest

from benchmarks.traps import ROOT, TESTS, TRAPS, take_away

DEFINED = {n.name for n in ast.walk(ast.parse((ROOT / TESTS).read_text())) if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_names_a_test_that_exists(name: str) -> None:
    assert TRAPS[name].test.partition("[")[0] in DEFINED
    assert TRAPS[name].removal


def test_no_test_guards_two_traps() -> None:
    tests = [trap.test for trap in TRAPS.values()]
    assert len(set(tests)) == len(tests) >= 30


@pytest.mark.parametrize(("wanted", "gone"), [("each", True), ("label-smoothing", True), ("ties", False)])
def test_only_the_mend_of_this_test_is_taken_away(monkeypatch: pytest.MonkeyPatch, wanted: str, gone: bool) -> None:
    from labkit.training.settings import DPOSettings

    real = DPOSettings.model_post_init
    take_away(TRAPS["label-smoothing"].test, wanted, monkeypatch)
    assert (DPOSettings.model_post_init is not real) == gone
