"""The rebalancing proposal: what it takes, what it never takes, and that nothing happens unsigned."""

from __future__ import annotations

from random import Random

import pytest

from labkit import LabError
from labkit.coverage.rebalance import Proposal, accept, before_after, propose, rebalance
from labkit.coverage.slices import pairwise
from labkit.coverage.variety import over_represented
from labkit.plots.coverage import balance
from labkit.records import Example, Message


def row(number, question, **values):
    return Example(id=f"r{number:04d}", prompt=[Message(role="user", content=question)], response="x", slices=values)


def lopsided(n=400, seed=0, burst=0):
    """Channel: chat in two rows of three. No row has region=islands with kind=c. Some open alike."""
    rng, rows = Random(seed), []

    def word():
        return "".join(rng.choices("abcdefghij", k=5))

    while len(rows) < n:
        region, kind = rng.choice(["north", "south", "islands"]), rng.choice("abcd")
        if (region, kind) != ("islands", "c"):
            channel = rng.choice(["chat"] * 8 + ["email", "app", "note", "fax"])
            opening = "Catalogue check for the partner page: " if len(rows) < burst else ""
            rows.append(row(len(rows), f"{opening}{word()} {word()} {word()}?", channel=channel, region=region, kind=kind))
    return rows


def test_a_proposal_ends_what_was_too_much_and_asks_for_what_is_missing():
    rows = lopsided(burst=30)
    proposal = propose(rows)
    assert [cap.what for cap in proposal.caps] == [
        "channel=chat",
        "questions that open with 'Catalogue check for the partner page:'",
    ]
    (need,) = proposal.needs
    assert need.slices == {"kind": "c", "region": "islands"}
    assert need.rows == pytest.approx(len(rows) / 12, abs=8)
    left = rebalance(rows, accept(proposal, "ana"))
    assert over_represented(left) == []
    assert len(left) == len(rows) - len(proposal.dropped)
    assert left == [r for r in rows if r.id in {x.id for x in left}]  # in their order, unchanged


def test_a_cap_keeps_no_fewer_than_the_limit_allows():
    rows = lopsided()
    (cap,) = propose(rows).caps
    assert cap.keep + len(cap.drop) == cap.now
    others = len(rows) - cap.now
    assert 0.39 < cap.keep / (cap.keep + others) <= 0.4  # five channels: twice an equal share
    assert cap.now / (cap.now + others + cap.instead) == pytest.approx(0.4, abs=0.01)


def test_no_pair_of_slice_values_is_emptied():
    for seed in range(5):
        rows = lopsided(n=150, seed=seed)
        before = {cell.name for cell in pairwise(rows) if cell.n}
        after = {cell.name for cell in pairwise(rebalance(rows, accept(propose(rows, seed), "ana"))) if cell.n}
        assert after == before


def test_the_same_seed_draws_the_same_rows():
    rows = lopsided()
    assert propose(rows) == propose(rows)
    assert propose(rows, 1).dropped != propose(rows).dropped
    assert Proposal.model_validate_json(propose(rows).model_dump_json()) == propose(rows)


def test_nothing_happens_unsigned():
    rows = lopsided()
    proposal = propose(rows)
    with pytest.raises(LabError, match="has not been accepted"):
        rebalance(rows, proposal)
    with pytest.raises(LabError, match="accepted by nobody"):
        accept(proposal, "  ")
    assert not proposal.accepted_by
    with pytest.raises(LabError, match="not among the rows"):
        rebalance(rows[:5], accept(proposal, "ana"))


def test_rows_in_balance_get_no_proposal():
    rows = [row(i, f"{i} lamps?", channel="abc"[i % 3], region="xy"[i // 3 % 2]) for i in range(120)]
    proposal = propose(rows)
    assert proposal.text() == "nothing to propose: the rows are in balance"
    assert rebalance(rows, accept(proposal, "ana")) == rows


def test_the_text_says_what_how_many_and_the_other_way():
    said = propose(lopsided()).text().splitlines()
    assert said[0].startswith("cap channel=chat: keep ")
    assert "rows that do not share it)" in said[0]
    assert said[1].endswith("rows with kind=c & region=islands")
    assert said[-1].startswith("400 rows now, ")


def test_before_and_after_stand_side_by_side():
    rows = lopsided()
    left = rebalance(rows, accept(propose(rows), "ana"))
    table = before_after(rows, left)
    chat = next(entry for entry in table if entry["value"] == "chat")
    assert (chat["before"], chat["after"]) == tuple(sum(r.slices["channel"] == "chat" for r in some) for some in (rows, left))
    assert chat["share_after"] == pytest.approx(0.4, abs=0.01)
    assert sum(entry["after"] for entry in table if entry["slice"] == "region") == len(left)
    plot = balance(table)
    assert plot.table() == table
    assert list(plot.figure.data[1].x) == [entry["share_after"] for entry in table]
    assert "Moved most: channel=chat" in plot.text()


def test_a_value_that_is_gone_stands_in_the_table_with_none():
    rows = [row(i, "q", side="a" if i else "b") for i in range(5)]
    table = before_after(rows, rows[1:])
    assert {entry["value"]: entry["after"] for entry in table} == {"a": 0, "b": 0}  # one value is no slice any more
    assert "Gone altogether: side=a, side=b." in balance(table).text()
