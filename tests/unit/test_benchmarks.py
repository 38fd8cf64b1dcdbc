"""The benchmark's data preparation, on real rows nobody here wrote where they are at hand."""

from __future__ import annotations

import json

import pytest

from benchmarks import learning
from labkit.coverage.split import overlap
from labkit.files import read_strictly
from labkit.home import Home
from labkit.records import Example

needs_shared = pytest.mark.skipif(not learning.SHARED.exists(), reason="the shared data sets are not beside this checkout")


@needs_shared
def test_bitext_split_is_even_and_free_of_near_duplicates(tmp_path):
    data, suite = learning.bitext(Home(tmp_path / "home"))
    rows = read_strictly(data, Example)
    assert (len(rows), len(suite.cases)) == (324, 108)
    assert not overlap([r.question for r in rows], [c.given[-1].content for c in suite.cases])
    asked = [c.expect[0]["equals_json"]["intent"] for c in suite.cases]
    taught = {json.loads(r.response)["intent"] for r in rows}
    assert {asked.count(intent) for intent in taught} == {4}
