"""Out to Argilla and Label Studio and back: nothing that they can hold is lost."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from labkit import cli, samples
from labkit.files import read_strictly, write_jsonl
from labkit.preference.events import choices, effective
from labkit.preference.exchange import PAIRWISE, RANKER, argilla, label_studio, read_rankings
from labkit.preference.ranking import RankingSession
from labkit.records import Answer, Message, Pair, Ranking

PAIRS, LOG = samples.path("support/pairs.jsonl"), samples.path("support/rankings.jsonl")
FORMS = {"argilla": argilla, "label-studio": label_studio}


def threes(n=5, answers=3):
    return [
        Pair(
            id=f"three-{i}",
            prompt=[Message(role="system", content="Be kind."), Message(role="user", content=f"Question {i}?")],
            answers=[Answer(text=f"Answer {i}.{j}", source=f"m{j}") for j in range(answers)],
        )
        for i in range(n)
    ]


def ranked(tmp_path, answers=3):
    pairs = threes(answers=answers)
    session = RankingSession(pairs, tmp_path / "log.jsonl", "ana")
    for ranks in ([1, 2, 3, 4], [2, 1, 2, 1], [1, 1, 1, 1], [3, 2, 1, 1]):
        session.rank(ranks[:answers], tags=["rude"], note="why")
    session.choose("skip", note="cannot tell")
    return pairs, session.decisions()


def meaning(events, tool):
    """What a round trip must keep: who said what of which pair, why, and in Label Studio when and how fast."""
    kept = [e for e in effective(events) if tool == "label-studio" or e.outcome != "skip"]
    timed = tool == "label-studio"
    return sorted(
        (e.pair, e.annotator, str(choices(e)), e.outcome == "skip", e.tags, e.note, timed and (e.seconds, e.at))
        for e in kept
    )


@pytest.mark.parametrize("tool", FORMS)
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_the_sample_rankings_come_back(tmp_path, tool, ending):
    pairs, log = read_strictly(PAIRS, Pair), read_strictly(LOG, Ranking)
    out = tmp_path / f"out.{ending}"
    rows = FORMS[tool](pairs, log)
    if ending == "jsonl":
        write_jsonl(out, rows)
    else:
        out.write_text(json.dumps(rows, indent=1))
    events, findings = read_rankings(out, pairs)
    assert findings == [] and meaning(events, tool) == meaning(log, tool)
    assert len({event.id for event in events}) == len(events)


@pytest.mark.parametrize("tool", FORMS)
@pytest.mark.parametrize("answers", [3, 4])
def test_ranks_with_ties_come_back(tmp_path, tool, answers):
    pairs, log = ranked(tmp_path, answers)
    events, findings = read_rankings(write_jsonl(tmp_path / "out.jsonl", FORMS[tool](pairs, log)), pairs)
    assert findings == [] and meaning(events, tool) == meaning(log, tool)


def test_an_argilla_record_looks_as_its_documents_say(tmp_path):
    pairs, log = ranked(tmp_path)
    row = argilla(pairs, log)[1]
    assert set(row) == {"id", "fields", "responses"} and set(row["fields"]) == {
        "prompt", "response-1", "response-2", "response-3",
    }  # fmt: skip
    (said,) = row["responses"]["ranking"]
    assert said["user_id"] == "ana"
    assert sorted(said["value"], key=lambda v: v["value"])[0].keys() == {"value", "rank"}
    assert [v["rank"] for v in said["value"]] == sorted(v["rank"] for v in said["value"])
    assert "m0" not in json.dumps(row)


def test_a_label_studio_task_looks_as_its_documents_say(tmp_path):
    pairs, log = ranked(tmp_path)
    tasks = label_studio(pairs, log)
    assert tasks[0]["data"]["items"][0] == {"id": "answer1", "title": "Answer 1", "body": "Answer 0.0"}
    result = tasks[1]["annotations"][0]["result"][0]
    assert (result["from_name"], result["to_name"], result["type"]) == ("rank", "answers", "ranker")
    assert sorted(x for group in result["value"]["ranker"].values() for x in group) == ["answer1", "answer2", "answer3"]
    assert tasks[4]["annotations"][0]["was_cancelled"] is True
    pair = label_studio(read_strictly(PAIRS, Pair)[1:2], read_strictly(LOG, Ranking))[0]["annotations"][0]["result"][0]
    assert pair["type"] == "pairwise" and pair["value"]["selected"] in ("left", "right")
    assert "m0" not in json.dumps(tasks)


@pytest.mark.parametrize("config", [PAIRWISE, RANKER])
def test_the_labelling_interface_names_what_the_tasks_hold(config, tmp_path):
    view = ElementTree.fromstring(config)
    controls = {tag.get("name"): tag.get("toName") for tag in view.iter() if tag.get("toName")}
    objects = {tag.get("name"): tag.get("value") for tag in view.iter() if tag.tag in ("Text", "List")}
    assert {name for to in controls.values() for name in to.split(",")} <= set(objects)
    pairs, log = ranked(tmp_path) if config == RANKER else (read_strictly(PAIRS, Pair), read_strictly(LOG, Ranking))
    tasks = label_studio(pairs, log)
    assert {value.removeprefix("$") for value in objects.values()} <= set(tasks[0]["data"])
    results = [result for task in tasks for a in task["annotations"] for result in a["result"]]
    assert {(result["from_name"], result["to_name"]) for result in results} <= set(controls.items())


def test_what_the_tools_themselves_write_is_read(tmp_path):
    """Argilla's SDK gives the values in their order; Label Studio names people by number or record."""
    pairs = threes(2)
    sdk = {"id": "three-0", "fields": {}, "responses": {"ranking": [
        {"value": ["response-3", "response-1", "response-2"], "user_id": "7f3a52c1-0f7e-4f2b-9c0d-3c1f3a0b9d11"},
    ]}}  # fmt: skip
    plain = {"data": {"id": "three-1"}, "annotations": [
        {"completed_by": {"id": 7, "email": "x"}, "result": [
            {"from_name": "rank", "type": "ranker", "value": {"ranker": ["answer2", "answer1", "answer3"]}},
        ]},
    ]}  # fmt: skip
    out = tmp_path / "out.json"
    out.write_text(json.dumps([sdk, plain]))
    events, findings = read_rankings(out, pairs)
    assert findings == []
    assert [(e.pair, e.annotator, e.ranks) for e in events] == [
        ("three-0", "7f3a52c1-0f7e-4f2b-9c0d-3c1f3a0b9d11", [2, 3, 1]), ("three-1", "7", [2, 1, 3]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "nobody", "fields": {}}, "no pair of the list"),
        ({"data": {"id": "three-0"}, "annotations": [{"completed_by": 1, "result": []}]}, "every answer once"),
        ({"data": {"id": "three-0"}, "annotations": [{"completed_by": 1, "result": [{"type": "x"}]}]}, "KeyError"),
        ({"id": "three-0", "fields": {}, "responses": {"note": [{"value": "x", "user_id": "u"}]}}, "without a ranking"),
        (
            {"id": "three-0", "fields": {}, "responses": {"ranking": [{"value": ["response-9"], "user_id": "u"}]}},
            "once",
        ),
        ({"id": "three-0", "fields": {}, "responses": [1]}, "AttributeError"),
        ([1, 2], "no object"),
    ],
)
def test_what_cannot_be_used_is_a_finding_and_the_rest_goes_on(tmp_path, row, said):
    pairs, log = ranked(tmp_path)
    out = tmp_path / "out.jsonl"
    write_jsonl(out, argilla(pairs, log))
    out.write_text(json.dumps(row) + "\n" + out.read_text() + '{"torn": ')
    events, findings = read_rankings(out, pairs)
    assert len(events) == 4 and len(findings) == 2
    assert "line 1" in findings[0].message and (said in findings[0].message or said == "KeyError")


@pytest.mark.parametrize("tool", FORMS)
def test_the_verbs_take_judgements_out_and_back(tmp_path, capsys, tool):
    out, back = tmp_path / "out.json", tmp_path / "back.jsonl"
    arguments = ["--pairs", str(PAIRS), "--rankings", str(LOG), "--to", tool, "--out", str(out)]
    assert cli.run(["rank", "export", *arguments]) == 0
    assert cli.run(["rank", "import", str(out), "--pairs", str(PAIRS), "--out", str(back)]) == 0
    assert "judgements by ana, bo" in capsys.readouterr().out
    assert meaning(read_strictly(back, Ranking), tool) == meaning(read_strictly(LOG, Ranking), tool)
    assert out.with_suffix(".xml").exists() == (tool == "label-studio")
    json.loads(out.read_text())
    out.write_text(out.read_text().replace('"pair-007"', '"pair-x"'))
    back.unlink()
    assert cli.run(["rank", "import", str(out), "--pairs", str(PAIRS), "--out", str(back)]) == 1
    assert "left out" in capsys.readouterr().out


def test_pairs_and_ranks_need_two_label_studio_projects(tmp_path, capsys):
    mixed = write_jsonl(
        tmp_path / "pairs.jsonl", [*threes(1), *threes(1, answers=2)[:0], *read_strictly(PAIRS, Pair)[:1]]
    )
    arguments = ["rank", "export", "--pairs", str(mixed), "--to", "label-studio", "--out", str(tmp_path / "o.json")]
    assert cli.run(arguments) == 2 and "export them apart" in capsys.readouterr().err.lower()
