"""Triage: every decision on disk, nothing dropped without one, and repairs that do not undo each other."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import LabError
from labkit.curation.compose import compose
from labkit.curation.triage import TriageSession, apply, decided, effective
from labkit.files import append_jsonl, read_jsonl
from labkit.records import Decision, Example, Finding, Message, Provenance


def row(name, response="An answer.", asked="A question?"):
    prompt = [Message(role="system", content="Be kind."), Message(role="user", content=asked)]
    return Example(id=name, prompt=prompt, response=response, provenance=Provenance(source="test"))


def finding(name, row_id, check="noise", severity="major", tier="likely", **more):
    return Finding(id=name, row_id=row_id, check=check, severity=severity, tier=tier, message="It is so.", **more)


ROWS = [row(f"r{i}") for i in range(5)]
FINDINGS = [
    finding("f0", "r0", severity="minor"),
    finding("f1", "r1", "twin", tier="certain", other_row="r0"),
    finding("f2", "r2", repair={"response": "A better answer."}),
    finding("f3", "r3", severity="critical", where="prompt"),
    finding("f4", "line-9", "schema", severity="critical", tier="certain"),
    finding("f5", "r4", "twin", tier="certain", other_row="r0"),
    finding("f6", "r4", "twin", tier="review"),
]


class Clock:
    def __init__(self):
        self.now = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)

    def __call__(self):
        self.now += datetime.timedelta(seconds=1)
        return self.now


@pytest.fixture
def log(tmp_path):
    return tmp_path / "new folder" / "decisions.jsonl"


def open_session(log, who="ana", findings=FINDINGS, **more):
    return TriageSession(findings, ROWS, log, who, clock=Clock(), **more)


def events(log):
    return read_jsonl(log, Decision)[0]


def decision(name, action, number=1, **fix):
    return Decision(id=f"d-{number}", finding=name, row_id="x", decided_by="bo", action=action, fix=fix)


# --- the session ------------------------------------------------------------------------------------------------------


def test_the_most_severe_comes_first_and_each_decision_is_saved_at_once(log):
    session = open_session(log)
    assert [f.id for f in session.shown] == ["f3", "f4", "f1", "f2", "f5", "f6", "f0"]
    assert session.current.id == "f3" and session.progress == (0, 7)
    session.accept("clear")
    assert [(e.id, e.finding, e.action, e.note) for e in events(log)] == [("ana-0001", "f3", "accept", "clear")]
    session.reject()
    session.fix("By hand.")
    assert [(e.finding, e.action, e.fix) for e in events(log)[1:]] == [
        ("f4", "reject", {}),
        ("f1", "fix", {"response": "By hand."}),
    ]
    assert session.progress == (3, 7) and session.current.id == "f2"


def test_a_killed_session_goes_on_and_a_torn_line_costs_only_itself(log):
    open_session(log).accept()
    with open(log, "a") as stream:
        stream.write('{"id": "ana-00')
    session = open_session(log)
    assert len(session.damaged) == 1 and session.progress == (1, 7) and session.current.id == "f4"
    assert session.accept().id == "ana-0003"
    assert [e.finding for e in events(log)] == ["f3", "f4"]


def test_filters_and_steps_move_without_deciding(log):
    session = open_session(log)
    session.filter(check="twin")
    assert [f.id for f in session.shown] == ["f1", "f5", "f6"]
    assert [session.step(1).id, session.step(1).id, session.step(1).id, session.step(-1).id] == ["f5", "f6", "f1", "f6"]
    session.filter(check="twin", tier="certain")
    assert [f.id for f in session.shown] == ["f1", "f5"]
    session.reject()
    assert session.current.id == "f5"  # after the last comes the first that is open
    session.filter(show="decided")
    assert [(f.id, f.status) for f in session.shown] == [("f1", "rejected")]
    session.filter(show="all", severity="minor")
    assert [f.id for f in session.shown] == ["f0"] and not log.read_text().count("f0")
    session.filter(check="nothing")
    assert session.current is None and session.step(1) is None
    with pytest.raises(LabError, match="no finding is left here"):
        session.accept()


def test_undo_opens_the_finding_again_and_leaves_a_filter_that_hides_it(log):
    session = open_session(log)
    assert session.undo() == [] and not log.exists()
    session.accept()
    session.filter(check="twin")
    assert [e.action for e in session.undo()] == ["undo"]
    assert session.current.id == "f3" and session.progress == (0, 7) and session.chosen["check"] is None
    assert open_session(log).progress == (0, 7)


def test_only_certain_findings_are_accepted_at_once_and_taken_back_at_once(log):
    session = open_session(log)
    assert [e.finding for e in session.accept_all("twin")] == ["f1", "f5"]
    assert session.progress == (2, 7)
    for check in ("twin", "noise", "unknown"):  # the rest is for review, or likely, or not there
        with pytest.raises(LabError, match="certain"):
            session.accept_all(check)
    session.reject()
    session.undo()
    assert len(session.undo()) == 2 and session.progress == (0, 7)
    with pytest.raises(LabError, match="certain"):
        open_session(log, bulk=["schema"]).accept_all("twin")


def test_two_people_share_a_log_and_the_later_decision_counts(log):
    ana, bo = open_session(log), open_session(log, "bo")
    ana.accept()
    with pytest.raises(LabError, match="somebody decided meanwhile"):
        bo.reject()
    assert len(events(log)) == 1 and bo.current.id == "f4"
    assert bo.undo() == []  # ana's is not bo's to take back
    bo.filter(show="all")
    bo.reject()
    assert {d.finding: d.decided_by for d in effective(events(log)).values()} == {"f3": "bo"}
    assert ana.progress == (1, 7) and [e.id for e in events(log)] == ["ana-0001", "bo-0002"]


@pytest.mark.parametrize(("text", "words"), [(" ", "empty"), ("A question?", "same as before")])
def test_a_fix_must_say_something_new(log, text, words):
    session = open_session(log)
    with pytest.raises(LabError, match=words):
        session.fix(text)
    session.reject()
    with pytest.raises(LabError, match="no single row"):
        session.fix("line 9 is no row")
    assert len(events(log)) == 1


def test_the_text_to_start_from_is_what_was_written_last(log):
    session = open_session(log, findings=[FINDINGS[2], finding("g", "r2", severity="info")])
    assert session.text(session.current) == "A better answer."
    session.fix("Mine.")
    assert session.text(session.current) == "Mine."


@pytest.mark.parametrize("who", ["", "a b", "../x", "x" * 41])
def test_ids_that_cannot_be_used_are_refused(log, who):
    with pytest.raises(LabError, match="cannot be used"):
        open_session(log, who)


def test_findings_must_have_ids_of_their_own_and_the_log_must_be_writable(log, tmp_path):
    with pytest.raises(LabError, match="share an id"):
        open_session(log, findings=[FINDINGS[0], FINDINGS[0]])
    with pytest.raises(LabError, match="directory"):
        open_session(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="Nothing was saved"):
        open_session(tmp_path / "file" / "log").accept()


# --- what decisions come to -------------------------------------------------------------------------------------------


def test_accepted_findings_drop_or_repair_their_own_row_and_nothing_else():
    decisions = [decision("f1", "accept"), decision("f2", "accept"), decision("f0", "reject"), decision("f4", "accept")]
    rows, dropped, changed, gave_way = apply(ROWS, FINDINGS, decisions)
    assert [r.id for r in rows] == ["r0", "r2", "r3", "r4"]
    assert (dropped, changed, gave_way) == ({"r1": ["f1"]}, {"r2": ["f2"]}, {})
    assert rows[1].response == "A better answer." and rows[1].prompt == ROWS[2].prompt
    assert (rows[1].provenance.parents, rows[1].provenance.transform) == (["r2"], "curated: noise")
    assert [rows[0], *rows[2:]] == [ROWS[0], ROWS[3], ROWS[4]]


def test_open_and_rejected_findings_change_nothing():
    decisions = [decision("f1", "accept"), decision("f2", "reject"), decision("f1", "undo", 2)]
    assert apply(ROWS, FINDINGS, decisions) == (ROWS, {}, {}, {})
    assert {f.status for f in decided(FINDINGS, decisions)} == {"open", "rejected"}


def test_status_name_and_time_of_a_decision_are_kept():
    made = decision("f1", "fix", response="x").model_copy(update={"at": "2026-11-23"})
    known = FINDINGS[2].model_copy(update={"status": "accepted"})
    first, second = decided([FINDINGS[1], known], [made])
    assert (first.status, first.decided_by, first.decided_at) == ("accepted", "bo", "2026-11-23")
    assert second == known
    assert apply(ROWS, [known], []).changed == {"r2": ["f2"]}
    assert apply(ROWS, [known], [decision("f2", "reject")]).changed == {}


def test_a_text_by_hand_is_taken_as_it_is_and_a_drop_goes_before_everything():
    made = [
        decision("f3", "fix", prompt="A new question?"),
        decision("f5", "fix", response="x"),
        decision("f6", "accept"),
    ]
    rows, dropped, changed, _ = apply(ROWS, FINDINGS, made)
    assert rows[3].asked == "A new question?" and rows[3].system == "Be kind." and rows[3].response == ROWS[3].response
    assert dropped == {"r4": ["f6"]} and changed == {"r3": ["f3"]}
    both = [FINDINGS[2], finding("g", "r2")]
    made = [decision("g", "fix", response="Mine."), decision("f2", "accept")]
    result = apply(ROWS, both, made)
    assert result.rows[2].response == "Mine." and result.changed == {"r2": ["g"]} and result.gave_way == {"r2": ["f2"]}


TEXT = "<p>Write to ann@pond.example now</p> or call 555 0100."
MASKED = "<p>Write to [email] now</p> or call 555 0100."
PLAIN = "Write to ann@pond.example now or call 555 0100."
CALL = "<p>Write to ann@pond.example now</p> or call [phone]."
OTHER = "<p>Write to [somebody] now</p> or call 555 0100."
SHORT = "Or call 555 0100."


@pytest.mark.parametrize(
    ("repairs", "text", "gave_way"),
    [
        ([MASKED, PLAIN], "Write to [email] now or call 555 0100.", []),
        ([PLAIN, MASKED, CALL], "Write to [email] now or call [phone].", []),
        ([MASKED, MASKED], MASKED, []),
        ([MASKED, OTHER], MASKED, ["g1"]),
        ([OTHER, MASKED, CALL], OTHER.replace("555 0100", "[phone]"), ["g1"]),
        ([MASKED, TEXT.replace("Write to ann@pond.example now", "")], "<p></p> or call 555 0100.", []),
        ([TEXT.replace("Write to ann@pond.example now", ""), MASKED], "<p></p> or call 555 0100.", []),
    ],
)
def test_several_repairs_of_one_text_are_put_together(repairs, text, gave_way):
    found = [finding(f"g{i}", "r", f"check{i}", repair={"response": r}) for i, r in enumerate(repairs)]
    result = apply([row("r", TEXT)], found, [decision(f.id, "accept", i) for i, f in enumerate(found)])
    assert result.rows[0].response == text
    assert result.gave_way == ({"r": gave_way} if gave_way else {})
    assert result.changed == {"r": [f.id for f in found if f.id not in gave_way]}


def test_of_two_repairs_that_clash_the_more_severe_goes_in():
    found = [
        finding("minor", "r", severity="minor", repair={"response": OTHER}),
        finding("big", "r", "pii", "critical", repair={"response": MASKED}),
    ]
    result = apply([row("r", TEXT)], found, [decision("minor", "accept"), decision("big", "accept", 2)])
    assert result.rows[0].response == MASKED and result.gave_way == {"r": ["minor"]}
    assert result.rows[0].provenance.transform == "curated: pii"


words = st.lists(st.sampled_from(["a", "b", "c ", " ", "<", ">", "é", "\n", "word"]), max_size=25).map("".join)


@settings(max_examples=200, deadline=None)
@given(words, words, words)
def test_a_repair_alone_goes_in_exactly_and_together_none_goes_in_by_half(text, one, two):
    assert compose(text, [one]) == (one, [])
    assert compose(text, [one, one]) == (one, [])
    merged, gave_way = compose(text, [one, two])
    assert gave_way in ([], [1])
    assert not gave_way or merged == one
    other, none = compose(text, [two, one])
    assert gave_way or (other.split(), none) == (merged.split(), [])  # of two deletions one may leave a space


def test_long_texts_are_compared_in_reasonable_time():
    text = "spam egg " * 100_000
    assert compose(text, ["x" + text + "y"])[0] == "x" + text + "y"
    assert compose(text, [text[:1000]])[0] == text[:1000]


actions = st.lists(
    st.tuples(st.sampled_from([f.id for f in FINDINGS]), st.sampled_from(["accept", "reject", "fix", "undo"])),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(actions)
def test_no_row_goes_or_changes_without_an_accepted_finding_of_its_own(made):
    decisions = [decision(f, a, i, **({"response": "new"} if a == "fix" else {})) for i, (f, a) in enumerate(made, 1)]
    result = apply(ROWS, FINDINGS, decisions)
    accepted = {f.row_id for f in decided(FINDINGS, decisions) if f.status == "accepted"}
    kept = {r.id: r for r in result.rows}
    for old in ROWS:
        if old.id not in kept:
            assert old.id in accepted and result.dropped[old.id]
        elif kept[old.id] != old:
            assert old.id in accepted and result.changed[old.id]
    assert len(kept) + len(result.dropped) == len(ROWS) and set(result.changed) <= set(kept)


def test_decisions_of_findings_that_are_gone_are_left_alone(log):
    append_jsonl(log, decision("gone", "accept"))
    session = open_session(log)
    assert session.progress == (0, 7) and session.decisions() == []
    assert session.accept().id == "ana-0002"
