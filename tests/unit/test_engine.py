"""The engines of row checks: the same findings, byte for byte, in chunks, in other processes, in any order."""

from __future__ import annotations

import datetime
import importlib
import json
import pickle
import sys
from importlib.util import find_spec
from types import MappingProxyType, SimpleNamespace

import pytest

from labkit import LabError, checks, cli, samples
from labkit.checks import Context, Hit, checks_of, load_own_checks, row_check, run_checks, set_check
from labkit.curation import engine, step
from labkit.formats import read_rows
from labkit.policy import Policy, load
from labkit.records import Example, Message

needs_daft = pytest.mark.skipif(find_spec("daft") is None, reason="daft is not installed (pip install 'labkit[scale]')")
RAW = samples.path("support/raw.jsonl")
OWN = """
import threading
from labkit.checks import Hit, row_check
LOCK = threading.Lock()  # cannot be pickled, as little as a model or a connection can

@row_check("own_days", severity="minor", about="Days.")
def own_days(row, context):
    with LOCK:
        if "days" in row.response:
            yield Hit(row.id, "it speaks of days", evidence="days", score=1 / 3)
"""


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Every test registers into a copy."""
    step.load_checks()
    importlib.import_module("labkit.governance.pii")
    monkeypatch.setattr(checks, "CHECKS", dict(checks.CHECKS))
    monkeypatch.setattr(engine, "CHECKS", checks.CHECKS)
    monkeypatch.setattr(step, "CHECKS", checks.CHECKS)


@pytest.fixture(scope="module")
def context():
    policy = load(RAW.parent / "policy.yaml", Policy)
    return Context(policy=policy, held_out=MappingProxyType({"c": "How?"}), today=datetime.date(2026, 11, 1))


@pytest.fixture(scope="module")
def rows():
    return read_rows(RAW)[0][::6]


def written(findings):
    return [json.dumps(finding.model_dump(mode="json"), ensure_ascii=False) for finding in findings]


def row(name, answer="Yes."):
    return Example(id=name, prompt=[Message(role="user", content="Well?")], response=answer)


class Expression:
    def __init__(self, function, values):
        self.alias = lambda name: function(SimpleNamespace(to_pylist=lambda: values))


class Frame(dict):
    """As much of a data frame as the engine uses; like a cluster, it returns rows in another order."""

    def __getitem__(self, name):
        return self.get(name)

    def into_partitions(self, n):
        return self

    def select(self, name, values):
        order = range(len(values) - 1, -1, -1)
        return SimpleNamespace(
            to_pydict=lambda: {name: [self[name][i] for i in order], "found": [values[i] for i in order]}
        )


def stand_in(send=lambda arguments: pickle.loads(pickle.dumps(arguments))):
    def cls(worker, **_):
        def make(*arguments):
            sent = send(arguments)
            return SimpleNamespace(findings=lambda values: Expression(worker(*sent).findings, values))

        return make

    return SimpleNamespace(
        cls=cls,
        method=SimpleNamespace(batch=lambda **_: lambda function: function),
        DataType=SimpleNamespace(string=lambda: None),
        from_pydict=Frame,
        runners=SimpleNamespace(get_or_infer_runner_type=lambda: "ray"),
    )


@pytest.fixture
def shuffling(monkeypatch):
    """A stand-in for Daft, so that what this side of it does is tested where Daft is not installed too."""
    monkeypatch.setitem(sys.modules, "daft", stand_in())


# --- the same findings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, None])
def test_chunks_of_any_size_give_what_the_registry_gives(rows, context, size):
    chosen = checks_of("curation", "governance")
    assert {check.needs for check in chosen} == {"row", "set"}
    whole = written(run_checks(rows, context, chosen))
    assert len({json.loads(text)["check"] for text in whole}) > 6
    assert written(engine.run_on("local", iter(rows), context, chosen, chunk=size)) == whole


def test_a_spread_run_puts_rows_back_in_order(rows, context, shuffling):
    chosen = checks_of("curation", "governance")
    assert written(engine.run_on("daft", rows, context, chosen, chunk=50)) == written(run_checks(rows, context, chosen))


@pytest.mark.parametrize("name", ["local", "daft"])
def test_ids_are_numbered_over_the_whole_set(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "daft", stand_in(send=lambda arguments: arguments))

    @row_check("twice", severity="info", about="")
    def twice(row, context):
        yield from [Hit(row.id, "one"), Hit(row.id, "two"), Hit("dataset", "all")]

    @set_check("many", severity="info", about="")
    def many(rows, context):
        yield Hit("dataset", f"{len(rows)} rows")

    chosen, few = checks_of(only=["twice", "many", "twice"]), [row("a"), row("b")]
    found = engine.run_on(name, few, Context(), chosen, chunk=1)
    assert written(found) == written(run_checks(few, Context(), chosen))
    ids = [f.id for f in found]
    assert ids[:7] == [
        "twice.a", "twice.a.2", "twice.dataset", "twice.b", "twice.b.2", "twice.dataset.2", "many.dataset",
    ]  # fmt: skip
    assert len(set(ids)) == len(ids) == 13


FILES = {
    "lab.jsonl": '{"id": "a", "prompt": [{"role": "user", "content": "q"}], "response": "N/A"}\n{"id": "b", "response": "x"}\n'
    '{broken\n\n{"id": "a", "prompt": [{"role": "user", "content": "q"}], "response": ""}\n',
    "pairs.jsonl": '{"question": "q", "answer": ""}\n[1]\n{"question": "\\ud800", "answer": "TODO"}\n',
    "table.csv": "id,question,answer\n1,q,TODO\n1,q,again\n3,q\n",
    "list.json": '[{"instruction": "q", "output": "TODO"}, {"colour": 1}, {"instruction": "q", "output": 7}]',
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_ever_though_row_by_row(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    good, unusable = read_rows(tmp_path / name)
    found = engine.row_findings(tmp_path / name, Context(), checks_of(only=["empty_answer", "text_noise"]), chunk=1)
    assert unusable and len(found) > len(unusable)
    expected = [*unusable, *run_checks(good, Context(), checks_of(only=["empty_answer", "text_noise"]))]
    assert written(found) == written(expected)


@pytest.mark.parametrize("text", ["", "{broken\n", '{"colour": 1}\n'])
def test_a_file_without_rows_is_refused_in_the_same_words(tmp_path, text):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(LabError) as told:
        read_rows(path)
    with pytest.raises(LabError) as streamed:
        engine.row_findings(path, Context(), checks_of(only=["empty_answer"]))
    assert str(streamed.value) == str(told.value)


def test_no_more_than_a_chunk_is_held():
    drawn, ahead = [], []

    @row_check("look", severity="info", about="")
    def look(row, context):
        ahead.append(drawn[-1] - int(row.id))
        return []

    def stream():
        for number in range(100):
            drawn.append(number)
            yield row(str(number))

    chosen = checks_of(only=["look", "exact_duplicate"])  # the second one would need all rows, so it is left out
    assert engine.row_findings(stream(), Context(), chosen, chunk=8) == []
    assert len(ahead) == 100 and max(ahead) == 7


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["local", "daft"])
def test_a_check_that_fails_is_named_in_the_same_words(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "daft", stand_in(send=lambda arguments: arguments))

    @row_check("bad", severity="info", about="")
    def bad(row, context):
        return [Hit(row.id, "x")] if row.id == "a" else 1 / 0

    with pytest.raises(LabError, match=r"^check bad: failed \(ZeroDivisionError: division by zero\)\. Mend it\.$"):
        engine.run_on(name, [row("a"), row("b")], Context(), checks_of(only=["bad"]))


def test_without_daft_the_mend_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "daft", None)
    words = "engine daft: is not installed. Install it: pip install 'labkit[scale]'."
    for use in (
        lambda: engine.run_on("daft", [row("a")], Context(), []),
        lambda: engine.daft_function(Context(), []),
    ):
        with pytest.raises(LabError) as told:
            use()
        assert str(told.value) == words
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    command = ["curate", str(RAW), "--out", str(tmp_path / "out"), "--engine"]
    assert cli.run([*command, "daft"]) == 2 and words in capsys.readouterr().err
    assert cli.run([*command, "spark"]) == 2 and "choose of local, daft" in capsys.readouterr().err.lower()
    assert not (tmp_path / "out").exists()


def test_what_fails_inside_daft_is_one_line(monkeypatch):
    broken = stand_in()
    broken.from_pydict = lambda columns: 1 / 0
    monkeypatch.setitem(sys.modules, "daft", broken)
    with pytest.raises(
        LabError, match=r"^engine daft: failed \(ZeroDivisionError: division by zero\)\. See docs/scale"
    ):
        engine.run_on("daft", [row("a")], Context(), checks_of(only=["empty_answer"]))


# --- Daft itself ------------------------------------------------------------------------------------------------------


@needs_daft
def test_daft_finds_the_same_with_own_checks_loaded_in_its_workers(rows, context, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(OWN)
    assert load_own_checks(own) == ["own_days"]
    chosen = checks_of("curation", "governance", "own")
    found = engine.run_on("daft", rows, context, chosen, own_checks=own, processes=2)
    assert written(found) == written(run_checks(rows, context, chosen))
    assert "own_days" in {f.check for f in found}
    with pytest.raises(LabError, match="cannot send a check to its workers"):
        engine.run_on("daft", rows, context, chosen)


@needs_daft
def test_curate_writes_the_same_bytes_on_either_engine(tmp_path, monkeypatch):
    raw = tmp_path / "raw.csv"
    raw.write_text("question,answer\nOne?,TODO\nTwo?,Yes.\nTwo?,Yes.\n")
    made = []
    for name in engine.ENGINES:
        monkeypatch.setenv("LAB_HOME", str(tmp_path / name))
        assert cli.run(["curate", str(raw), "--out", str(tmp_path / f"{name}-out"), "--engine", name]) == 1
        made.append({path.name: path.read_bytes() for path in (tmp_path / f"{name}-out").iterdir()})
    assert made[0] == made[1] and b"empty_answer" in made[0]["findings.jsonl"]


@needs_daft
def test_a_frame_of_ones_own_gets_a_column_of_findings():
    import daft

    @row_check("bad", severity="info", about="")
    def bad(row, context):
        return [] if row.id == "a" else 1 / 0

    function = engine.daft_function(Context(), checks_of(only=["bad", "empty_answer", "exact_duplicate"]), processes=1)
    frame = daft.from_pydict({"text": [row("a", "").model_dump_json(), row("b").model_dump_json(), "{", None]})
    found = [json.loads(text) for text in frame.select(function(frame["text"]).alias("found")).to_pydict()["found"]]
    assert [f["id"] for f in found[0]] == ["empty_answer.a"]
    assert (found[1]["where"], found[2]["where"], found[3]["where"]) == ("check bad", "row", "row")
