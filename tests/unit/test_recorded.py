"""Recorded results: found, named as recorded, shown with their intervals; a missing one is a sentence and no failure."""

from __future__ import annotations

import argparse
import json

import pytest

from benchmarks.common import finish
from labkit import LabError
from labkit.lesson import recorded as module
from labkit.lesson.recorded import recorded

FIGURES = {
    "raw": {"passed": 60, "n": 100, "rate": 0.6, "low": 0.5, "high": 0.69, "seeds": 3, "by_seed": [20, 20, 20]},
    "difference": {"estimate": 0.1, "low": -0.02, "high": 0.2},
    "rows": 12000,
    "note": "<b>bold</b>",
}
STAMPS = {"device": "box, 2 cores", "versions": {"python": "3.11"}, "date": "2026-01-02", "made_by": "ab" * 32}


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PLACES", (tmp_path / "gone", tmp_path))
    return tmp_path


def test_a_result_says_that_and_where_it_was_recorded(results):
    (results / "one.json").write_text(json.dumps(FIGURES | STAMPS))
    found = recorded("one")
    assert found.result == FIGURES
    for part in ("Recorded on box, 2 cores, 2026-01-02", "python 3.11", "made by abababababab:", "not measured in this run"):
        assert part in found.line()
    rows = {row["what"]: row["recorded"] for row in found.table().rows}
    assert rows["raw"] == "60/100 = 60.0% (50.0% to 69.0%)" and rows["raw, by seed"] == "20, 20, 20"
    assert rows["difference"] == "+0.1 (-0.02 to +0.2)" and rows["rows"] == "12,000"
    assert "<b>" not in found._repr_html_() and found.line() in repr(found)


def test_a_missing_result_is_a_sentence(results):
    found = recorded("cleaning_pays")
    assert found.result == {} and "python -m benchmarks.cleaning_pays --save" in found.line()
    assert repr(found) == found.line() and "table" not in found._repr_html_()


@pytest.mark.parametrize("name", ["../pii", "a/b", ""])
def test_a_name_is_no_path(results, name):
    with pytest.raises(LabError, match="is no name of a result"):
        recorded(name)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_broken_result_is_named(results, text):
    (results / "one.json").write_text(text)
    with pytest.raises(LabError, match="Record the result again"):
        recorded("one")


def test_a_benchmark_keeps_the_hash_of_what_made_it(tmp_path, capsys):
    def made_by(text: str) -> str:
        (tmp_path / "rows.jsonl").write_text(text)
        finish("one", {"n": 1}, argparse.Namespace(save=False, json=True), inputs=[tmp_path / "rows.jsonl"])
        return str(json.loads(capsys.readouterr().out)["made_by"])

    first, same, other = made_by("a"), made_by("a"), made_by("b")
    assert first == same != other and len(first) == 64


def test_the_results_of_this_checkout_can_be_shown():
    assert all(repr(recorded(path.stem)) for path in module._PLACES[0].glob("*.json"))
