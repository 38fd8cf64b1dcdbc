"""The data card and the Croissant metadata: right counts, escaped text, a sound structure, and files as described."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import LabError
from labkit.files import sha256, write_jsonl
from labkit.governance.cards import data_card, facts, obligations
from labkit.governance.croissant import CONFORMS_TO, croissant, problems, verify_croissant
from labkit.governance.readiness import blocks, gate
from labkit.policy import Clearance
from labkit.records import Example, Finding

CLEARANCE = Clearance.model_validate(
    {
        "licences": {"CC-BY-4.0": {"use": "allowed"}, "MIT": {"use": "allowed"}},
        "sources": {"chat": {"owner": "care", "keep_days": 365}},
    }
)


def row(number: int, **provenance) -> Example:
    made = {
        "source": "chat",
        "owner": "care",
        "licence": "CC-BY-4.0",
        "consent": "given",
        "collected_at": f"2026-0{number}-01",
    }
    return Example(
        id=f"r-{number}",
        prompt=[{"role": "user", "content": "Where?"}],
        response="Here.",
        slices={"team": "oak" if number < 3 else "elm|<b>"},
        provenance=made | provenance,
    )


ROWS = [row(1), row(2, licence="CC BY 4.0"), row(3, owner="", licence="MIT")]


def made(check: str, row_id: str = "r-1", **more) -> Finding:
    defaults = {"severity": "critical", "message": "the prompt holds an e-mail address"}
    return Finding.model_validate({"id": f"{check}.{row_id}", "row_id": row_id, "check": check, **defaults, **more})


@pytest.fixture
def file(tmp_path) -> Path:
    return write_jsonl(tmp_path / "rows.jsonl", ROWS)


@pytest.fixture
def metadata(file) -> Path:
    described = croissant(
        file, facts("rows", ROWS), CLEARANCE, today="2026-11-01", scope="About tools.", masked=1, left_out=2
    )
    path = file.with_name("croissant.json")
    path.write_text(json.dumps(described))
    return path


# --- readiness --------------------------------------------------------------------------------------------------------


def test_the_gate_reads_like_a_test():
    found = [
        made("pii"), made("pii", "r-2"), made("licence", tier="certain"), made("unsafe", tier="review"),
        made("secret", status="rejected"), made("consent", severity="minor"),
    ]  # fmt: skip
    rules = gate(found, 3, CLEARANCE)
    assert [rule.outcome for rule in rules] == ["pass", "pass", "fail", "look", "fail", "pass", "pass", "look"]
    assert str(rules[4]) == "FAIL  No row shows personal data. Broken by 2 of 3 rows: r-1, r-2"
    assert str(rules[7]) == "LOOK  No row insults, threatens or endangers anybody. Look at 1 of 3 rows: r-1"
    assert str(rules[1]) == "PASS  Every line can be read."


def test_what_nobody_wrote_down_is_not_cleared():
    assert gate([], 3, Clearance())[0].outcome == "fail"
    assert {rule.outcome for rule in gate([], 3, CLEARANCE)} == {"pass"}


def test_only_open_sure_and_serious_findings_block():
    assert blocks(made("pii"))
    assert not any(
        blocks(made("pii", **more)) for more in ({"tier": "review"}, {"severity": "minor"}, {"status": "accepted"})
    )


# --- the card ---------------------------------------------------------------------------------------------------------


def test_facts_are_counted():
    counted = facts("rows", ROWS)
    assert counted.licences == {"CC BY 4.0": 1, "CC-BY-4.0": 1, "MIT": 1}
    assert counted.owners == {"care": 2, "nobody named": 1}
    assert counted.slices == {"team": {"oak": 2, "elm|<b>": 1}}
    assert (counted.collected, counted.characters) == (("2026-01-01", "2026-03-01"), 33)
    assert obligations(counted, CLEARANCE)["CC BY 4.0"] == ["attribution"]
    assert facts("none", []).collected is None


def test_the_card_tells_what_who_terms_findings_and_limits():
    found = [made("pii"), made("unsafe", tier="review", message="rude")]
    counted = facts("rows", ROWS)
    card = data_card(
        counted,
        gate(found, 3, CLEARANCE),
        found,
        CLEARANCE,
        scope="About tools.",
        masked=1,
        left_out=2,
        today="2026-11-01",
    )
    for part in (
        "# Data card: rows", "About tools.", "3 cleared, 2 left out, 1 with something masked", "| care | 2 |",
        "2026-01-01 to 2026-03-01",
        "CC BY 4.0 asks for: attribution.", r"elm\|\<b\>", "FAIL  No row shows personal data.", "an e-mail address (1)",
        "## Limits",
    ):  # fmt: skip
        assert part in card
    assert "<b>" not in card


@given(st.text(max_size=30))
def test_no_slice_value_breaks_a_table_of_the_card(value):
    rows = [row(1).model_copy(update={"slices": {"team": value}})]
    card = data_card(facts("rows", rows), [], [], CLEARANCE)
    table = card.split("| Slice: team | Rows |\n")[1].split("\n\n")[0]
    assert len(table.splitlines()) == 2
    assert table.replace("\\|", "").count("|") == 3 + 3


# --- croissant --------------------------------------------------------------------------------------------------------


def test_the_metadata_is_sound_and_names_the_file(file, metadata):
    data = json.loads(metadata.read_text())
    assert problems(data) == []
    assert verify_croissant(metadata) == []
    assert data["conformsTo"] == CONFORMS_TO
    assert data["license"] == ["https://spdx.org/licenses/CC-BY-4.0.html"] * 2 + ["https://spdx.org/licenses/MIT.html"]
    (entry,) = data["distribution"]
    assert (entry["contentUrl"], entry["sha256"], entry["encodingFormat"]) == (
        "rows.jsonl",
        sha256(file),
        "application/jsonlines",
    )
    first = json.loads(file.read_text().splitlines()[0])
    assert {f["source"]["extract"]["column"] for f in data["recordSet"][0]["field"]} <= set(first)
    assert data["rai:dataCollectionTimeframe"] == ["2026-01-01", "2026-03-01"]
    assert "365 days" in data["rai:dataReleaseMaintenancePlan"]
    prefixes = {key.split(":")[0] for key in data if ":" in key}
    assert prefixes <= set(data["@context"])


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda d: d.pop("license"), "'license' is missing"),
        (lambda d: d.update({"@type": "Dataset"}), "'@type' is not sc:Dataset"),
        (lambda d: d.update(conformsTo="1.0"), "'conformsTo' is not"),
        (lambda d: d["recordSet"][0].update(key={"@id": "rows/number"}), "reference to 'rows/number' leads nowhere"),
        (lambda d: d["recordSet"][0].update(field=[]), "record set 'rows' has no field"),
        (lambda d: d["recordSet"][0]["field"].append(d["recordSet"][0]["field"][0]), "id 'rows/id' is used twice"),
        (lambda d: d["recordSet"][0]["field"][0].pop("dataType"), "field 'rows/id' has no dataType"),
        (lambda d: d["distribution"][0].pop("sha256"), "file 'rows-file' has no sha256"),
    ],
)
def test_a_broken_structure_is_told(metadata, break_it, told):
    data = json.loads(metadata.read_text())
    break_it(data)
    assert any(sentence.startswith(told) for sentence in problems(data))


def test_a_changed_file_is_named_with_both_hashes(file, metadata):
    before = sha256(file)
    file.write_text(file.read_text() + "\n")
    (told,) = verify_croissant(metadata)
    assert "rows.jsonl" in told and before in told and sha256(file) in told
    file.unlink()
    assert verify_croissant(metadata) == ["file 'rows.jsonl' does not exist"]


def test_a_file_elsewhere_is_not_read(metadata):
    data = json.loads(metadata.read_text())
    data["distribution"][0]["contentUrl"] = "../secret.txt"
    metadata.write_text(json.dumps(data))
    assert verify_croissant(metadata) == ["file '../secret.txt' lies outside the folder of the metadata"]


@pytest.mark.parametrize("content", ["{", "[]", '"x"', '{"distribution": 3}', '{"distribution": [{"contentUrl": 4}]}'])
def test_what_is_no_metadata_is_told_without_a_traceback(metadata, content):
    metadata.write_text(content)
    try:
        assert verify_croissant(metadata)
    except LabError as error:
        assert "is no JSON" in str(error)
