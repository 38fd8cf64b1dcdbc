"""The sample domains side by side: the tables that notebooks 01 and 12 show."""

from __future__ import annotations

import yaml

from labkit.lesson import domains


def test_every_domain_has_critical_requirements_and_counts_families() -> None:
    rows = domains.domains().rows
    assert [row["domain"] for row in rows] == ["support", "knowledge", "decision"]
    for row in rows:
        assert 0 < row["critical"] < row["requirements"] and 0 < row["seed cases"] <= row["cases"]
        likelihood, impact, risk = (
            int(part) for part in str(row["riskiest"]).replace("=", "x").split(": ")[1].split(" x ")
        )
        assert likelihood * impact == risk <= 25
    assert any(row["seed cases"] < row["cases"] for row in rows)


def test_all_eight_techniques_are_used() -> None:
    rows = domains.techniques().rows
    assert len(rows) == 8
    assert [row["technique"] for row in rows if not sum(row[name] for name in domains.DOMAINS)] == []


def test_a_short_form_and_what_the_loader_makes_of_it() -> None:
    [short] = yaml.safe_load(domains.short_form("TS-02"))
    table = domains.written_out("TS-02").rows
    assert short["id"] == "TS-02" and len(table) == len(short["boundary"]) > 1
    assert all("{" not in str(row["question"]) for row in table)
    assert len({row["question"] for row in table}) == len(table)
    assert domains.readable({"a": "one\ntwo"}) == "a: |-\n  one\n  two"


def test_what_hangs_in_the_air_is_counted_in_every_domain() -> None:
    rows = domains.loose_ends().rows
    assert len(rows) == 3 and all(row["requirements without a case"] == 0 for row in rows)
    support = next(row for row in rows if row["domain"] == "support")
    assert support["requirements without a row"] == support["rows without a requirement"] == 0
