"""Coverage of slices, missing pairs, what stands there too often, variety; and their figures."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest
from scipy.stats import hypergeom

from labkit import LabError, samples
from labkit.checks import CHECKS, DATASET, Context, checks_of, run_checks
from labkit.coverage import slices
from labkit.coverage.slices import coverage, pairwise, usable
from labkit.coverage.variety import diversity, evenness, openings, over_represented
from labkit.formats import read_rows
from labkit.plots import coverage as plots
from labkit.records import Example, Message

CLINC = Path(__file__).parents[3] / "shared" / "data" / "clinc150" / "data_oos_plus.json"


def row(number, question="How long does it take?", **values):
    return Example(id=f"r{number:04d}", prompt=[Message(role="user", content=question)], response="x", slices=values)


def drawn(n, seed=0, skip=(), **shares):
    """Rows with independent slices: ``colour={"red": 0.5, "blue": 0.5}``; pairs in ``skip`` are left out."""
    rng, rows = np.random.default_rng(seed), []
    while len(rows) < n:
        values = {name: str(rng.choice(list(own), p=list(own.values()))) for name, own in shares.items()}
        if tuple(values.values()) not in skip:
            rows.append(row(len(rows), **values))
    return rows


def found(rows, check):
    return run_checks(rows, Context(), checks_of("coverage", only=[check]))


EVEN = {"colour": dict.fromkeys("abc", 1 / 3), "size": dict.fromkeys("wxyz", 1 / 4)}


# --- slices and pairs -------------------------------------------------------------------------------------------------


def test_coverage_counts_each_value_of_those_that_have_the_slice():
    rows = [row(0, colour="red"), row(1, colour="red"), row(2, colour="blue"), row(3)]
    first, second = coverage(rows)
    assert (first.slice, first.value, first.n, first.of) == ("colour", "red", 2, 3)
    assert first.share == pytest.approx(2 / 3)
    assert first.low < first.share < first.high
    assert (second.value, second.n) == ("blue", 1)


def test_ids_and_constants_are_no_slices():
    rows = [row(i, order=f"o{i}", shop="one", side="ab"[i % 2]) for i in range(40)]
    assert list(usable(rows)) == ["side"]


def test_a_missing_pair_is_named_with_what_was_expected():
    rows = drawn(300, skip={("a", "w")}, **EVEN)
    (cell,) = [cell for cell in pairwise(rows) if cell.missing]
    assert cell.name == "colour=a & size=w"
    assert cell.n == 0
    assert cell.needed == pytest.approx(300 / 11, abs=9)  # as in the other eleven pairs
    assert cell.needed > cell.expected
    assert sum(c.n for c in pairwise(rows)) == 300
    assert sum(c.expected for c in pairwise(rows)) == pytest.approx(300)
    (finding,) = found(rows, "missing_slice")
    assert finding.row_id == DATASET
    assert finding.evidence == cell.name
    assert f"{cell.expected:.0f} of 300" in finding.message


def test_the_chance_of_an_empty_pair_is_hypergeometric():
    for m, k, total in product((1, 5, 40), (2, 30), (80, 500)):
        assert slices._none(m, k, total) == pytest.approx(hypergeom(total, m, k).pmf(0))
    assert slices._none(60, 30, 80) == 0


def test_rare_values_are_no_gaps():
    """In 100 sets whose slices are independent, some values at 1%, hardly ever is a pair called missing."""
    rare = {"colour": {"a": 0.59, "b": 0.4, "c": 0.01}, "size": {"w": 0.5, "x": 0.45, "y": 0.04, "z": 0.01}}
    alarms = sum(any(cell.missing for cell in pairwise(drawn(200, seed, **rare))) for seed in range(60))
    assert alarms <= 3
    empty = sum(cell.n == 0 for cell in pairwise(drawn(200, 1, **rare)))
    assert empty >= 2  # there is something to be wrong about


def test_slices_that_go_together_by_design_are_no_gaps():
    rng = Random(0)
    topics = {"oak": "ab", "birch": "cd", "cedar": "ef"}
    rows = [row(i, team=(team := rng.choice(list(topics))), topic=rng.choice(topics[team])) for i in range(400)]
    assert sum(cell.n == 0 for cell in pairwise(rows)) == 12
    assert not [cell for cell in pairwise(rows) if cell.missing]


def test_only_the_slices_named_are_paired():
    rows = [r.model_copy(update={"slices": r.slices | {"odd": "yn"[i % 2]}}) for i, r in enumerate(drawn(50, **EVEN))]
    assert {(c.a, c.b) for c in pairwise(rows, ["size", "odd"])} == {("size", "odd")}


def test_no_rows_and_rows_without_slices_say_nothing():
    for rows in ([], [row(0)]):
        assert coverage(rows) == pairwise(rows) == over_represented(rows) == []
        assert diversity(rows).evenness == {}
        assert run_checks(rows, Context(), checks_of("coverage")) == []


# --- too much of one kind ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "names"),
    [
        ({"a": 0.62, "b": 0.14, "c": 0.12, "d": 0.12}, ["channel=a"]),
        ({"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}, []),
        ({"a": 0.6, "b": 0.4}, []),
        ({"a": 0.97, "b": 0.03}, ["channel=a"]),
        ({"a": 0.55, "b": 0.25, "c": 0.2}, []),
        (dict.fromkeys("abcdefgh", 1 / 8), []),
    ],
)
def test_a_slice_value_counts_as_too_much_only_far_above_its_equal_share(shares, names):
    assert [over.what for over in over_represented(drawn(500, channel=shares))] == names


OPENING = "Catalogue check for the partner page: "


def questions(n, burst=0, opening=OPENING):
    rng, rows = Random(3), []
    words = [f"{a}{b}" for a in ("ket", "ham", "mow", "plan", "ben", "la") for b in ("tle", "mock", "er", "ter", "mp", "se")]
    for i in range(n):
        text = " ".join(rng.choices(words, k=rng.randint(4, 12)))
        rows.append(row(i, f"{opening}{text}?" if i < burst else f"How do I {text}?"))
    return rows


def test_a_shared_opening_is_found_whole_and_verbatim():
    (over,) = over_represented(questions(700, burst=16))
    assert (over.kind, over.what, over.n) == ("opening", OPENING.strip(), 16)
    assert over.rows == [f"r{i:04d}" for i in range(16)]
    (finding,) = found(questions(700, burst=16), "over_represented")
    assert finding.evidence == OPENING.strip()
    assert "16/700" in finding.message


@pytest.mark.parametrize(("n", "burst"), [(700, 7), (3000, 25), (700, 0)])
def test_few_like_openings_and_short_ones_are_how_people_ask(n, burst):
    assert over_represented(questions(n, burst)) == []


def test_numbers_in_an_opening_count_as_alike():
    rows = [row(i, f"Order {1000 + i} of {i} May is {word}") for i, word in enumerate(["late", "wet", "torn", "lost"] * 5)]
    (what,) = openings(rows)
    assert what == "Order 1000 of 0 May is"


def test_duplicates_are_left_to_curation():
    assert openings([row(i, "Is my parcel on its way by now?") for i in range(40)]) == {}


@pytest.mark.skipif(not CLINC.exists(), reason="CLINC150 is not on this machine")
def test_real_questions_of_150_intents_have_no_opening_too_often():
    import json

    asked = json.loads(CLINC.read_text())["train"]
    rows = [row(i, text, intent=intent) for i, (text, intent) in enumerate(Random(0).sample(asked, 3000))]
    assert over_represented(rows) == []
    assert not [cell for cell in pairwise(rows) if cell.missing]


# --- the samples ------------------------------------------------------------------------------------------------------


def test_the_clean_sample_is_in_balance():
    rows, _ = read_rows(samples.path("support/train.jsonl"))
    assert run_checks(rows, Context(), checks_of("coverage")) == []


def test_every_check_of_the_stage_is_registered_with_a_line_about_it():
    from labkit.coverage import step  # noqa: F401  (imports all of them)

    own = {name for name, check in CHECKS.items() if check.stage == "coverage"}
    assert own == {"missing_slice", "over_represented", "biased_outcome"}
    assert all(CHECKS[name].about.endswith(".") and CHECKS[name].needs == "set" for name in own)


# --- variety ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "even"), [({"a": 5, "b": 5}, 1), ({"a": 10}, 0), ({"a": 9, "b": 1}, 0.469), ({"a": 1, "b": 0}, 0)]
)
def test_evenness_is_entropy_as_a_share_of_its_maximum(counts, even):
    assert evenness(counts) == pytest.approx(even, abs=0.001)


def test_diversity_falls_with_repetition():
    varied, same = diversity(questions(200)), diversity([row(i, "How do I get a lamp?") for i in range(200)])
    assert same.distinct < varied.distinct
    assert same.distinct[0] == pytest.approx(6 / 1200)
    assert (same.words, same.length_evenness) == ((6, 6, 6), 0)
    assert varied.length_evenness > 0
    assert varied.n == 200


# --- figures ----------------------------------------------------------------------------------------------------------


def test_slice_coverage_draws_what_the_table_says():
    plot = plots.slice_coverage(coverage(drawn(200, colour={"a": 0.9, "b": 0.1}, size={"x": 0.5, "y": 0.5})))
    rows = plot.table()
    assert [r["thin"] for r in rows if r["slice"] == "colour"] == [False, True]
    assert list(plot.figure.data[0].x) == [r["share"] for r in rows]
    assert [(s.x0, s.x1) for s in plot.figure.layout.shapes[: len(rows)]] == [(r["low"], r["high"]) for r in rows]
    assert "colour=b" in plot.text().splitlines()[2]
    with pytest.raises(LabError, match="nothing to plot"):
        plots.slice_coverage([])


def test_the_pair_map_holds_n_in_each_cell_and_marks_missing_ones():
    rows = drawn(300, skip={("a", "w")}, **EVEN)
    plot = plots.pair_map(pairwise(rows), "size", "colour")  # turned round
    notes = [note.text for note in plot.figure.layout.annotations]
    assert [note for note in notes if "missing" in note] and len(notes) == 12
    assert {(r["size"], r["colour"]) for r in plot.table() if r["missing"]} == {("w", "a")}
    assert sum(int(note) for note in notes if note.isdigit()) == 300
    assert "size=w & colour=a" in plot.text()
    with pytest.raises(LabError, match="no cells of size and shape"):
        plots.pair_map(pairwise(rows), "size", "shape")


def test_names_in_figures_are_not_obeyed():
    rows = [row(i, colour="<b>bold</b>" if i % 2 else "plain") for i in range(40)]
    drawing = plots.slice_coverage(coverage(rows)).figure.to_json()
    assert "&lt;b&gt;bold" in drawing.replace("\\u003c", "<").replace("\\u0026", "&")
    assert "<b>bold" not in drawing.replace("\\u003c", "<").replace("\\u003e", ">")
