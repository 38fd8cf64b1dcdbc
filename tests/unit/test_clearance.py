"""Licences and consent: expressions, aliases, obligations, keeping periods, and what nobody wrote down."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import samples
from labkit.checks import Context
from labkit.governance.clearance import consent, licence
from labkit.governance.licences import rule
from labkit.policy import Clearance, load
from labkit.records import Example

CLEARANCE = Clearance.model_validate(
    {
        "licences": {
            "CC0-1.0": {"use": "allowed", "aliases": ["CC0"]},
            "MIT": {"use": "allowed"},
            "CC-BY-4.0": {"use": "allowed", "obligations": ["name the forum"]},
            "Apache-2.0": {"use": "allowed"},
            "GPL-3.0-only": {"use": "ask", "aliases": ["GPLv3"], "reason": "legal decides"},
            "CC-BY-NC-4.0": {"use": "forbidden", "reason": "we sell things"},
            "LicenseRef-own": {"use": "forbidden", "aliases": ["ours or theirs"]},
        },
        "sources": {
            "helpdesk": {"owner": "care", "consent": "required", "keep_days": 100},
            "manual": {"owner": "writers", "consent": "not_required"},
            "survey": {"owner": "research", "consent": "not_required", "uses": ["evaluation"]},
        },
    }
)
CONTEXT = Context(clearance=CLEARANCE, today=datetime.date(2026, 11, 1))


def row(**provenance) -> Example:
    made = {"source": "manual", "owner": "writers", "licence": "MIT", "consent": "not_required"} | provenance
    return Example(id="r", prompt=[{"role": "user", "content": "?"}], response="!", provenance=made)


@pytest.mark.parametrize(
    ("expression", "use", "term"),
    [
        ("MIT", "allowed", "MIT"), ("the MIT License", "allowed", "the MIT License"), ("cc0", "allowed", "cc0"),
        ("Apache License, Version 2.0", "allowed", "Apache License, Version 2.0"),
        ("GPL-3.0-or-later", "ask", "GPL-3.0-or-later"),
        ("Creative Commons Attribution 4.0 International", "allowed", "Creative Commons Attribution 4.0 International"),
        ("CC-BY-NC-4.0 OR MIT", "allowed", "MIT"), ("MIT AND CC-BY-NC-4.0", "forbidden", "CC-BY-NC-4.0"),
        ("(MIT OR GPLv3) AND CC0-1.0", "allowed", "MIT"), ("MIT AND (GPLv3 OR CC-BY-NC-4.0)", "ask", "GPLv3"),
        ("Apache-2.0 WITH LLVM-exception", "allowed", "Apache-2.0 WITH LLVM-exception"),
        ("ours or theirs", "forbidden", "ours or theirs"),
        ("CC-BY-NC", "unknown", "CC-BY-NC"), ("CC-BY-SA-4.0", "unknown", "CC-BY-SA-4.0"), ("MIT AND", "unknown", ""),
        ("(MIT", "unknown", "("), ("MIT)", "unknown", "MIT)"), ("MIT OR OR CC0", "unknown", "MIT OR OR CC0"),
    ],
)  # fmt: skip
def test_what_a_licence_expression_means(expression, use, term):
    found = rule(expression, CLEARANCE)
    assert (found.use, found.term) == (use, term)


@given(st.text(min_size=1, max_size=40))
def test_any_expression_gets_a_ruling(text):
    assert rule(text, CLEARANCE).use in ("allowed", "ask", "forbidden", "unknown")


def test_obligations_are_the_clearance_files_or_the_usual_ones_and_add_up():
    assert rule("CC-BY-4.0", CLEARANCE).obligations == ("name the forum",)
    assert rule("Apache-2.0 AND CC-BY-4.0", CLEARANCE).obligations == (
        "keep the notice",
        "name the forum",
        "state changes",
    )


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("CC0", None), ("", ("major", "no licence is named")), ("GPLv3", ("major", "needs somebody's decision")),
        ("CC-BY-NC-4.0", ("critical", "forbids training: we sell things")),
        ("WTFPL", ("major", "not cleared for training")),
    ],
)  # fmt: skip
def test_the_licence_check(named, told):
    found = list(licence(row(licence=named), CONTEXT))
    assert [(hit.severity, hit.tier, hit.where) for hit in found] == (
        [(told[0], "certain", "provenance")] if told else []
    )
    assert not told or told[1] in found[0].message


GIVEN = {"source": "helpdesk", "consent": "given", "collected_at": "2026-10-01"}


@pytest.mark.parametrize(
    ("provenance", "told"),
    [
        ({}, []), (GIVEN, []), ({"source": "Manual "}, []),
        ({"owner": " "}, ["no owner is named"]),
        ({"source": "a friend"}, ["source 'a friend' is not in the clearance file"]),
        ({"source": "survey"}, ["may be used for evaluation, not for training"]),
        (GIVEN | {"consent": "unknown"}, ["needs consent, and it is unknown"]),
        (GIVEN | {"consent": "not_required"}, ["needs consent, and it is not_required"]),
        (GIVEN | {"consent": "withdrawn"}, ["consent was withdrawn"]),
        ({"consent": "withdrawn"}, ["consent was withdrawn"]),
        (GIVEN | {"collected_at": "2026-07-24"}, []),  # 100 days
        (GIVEN | {"collected_at": "2026-07-23T10:00"}, ["101 days old"]),
        (GIVEN | {"collected_at": ""}, ["missing or unreadable"]),
        (GIVEN | {"collected_at": "yesterday"}, ["missing or unreadable"]),
    ],
)  # fmt: skip
def test_the_consent_check(provenance, told):
    found = list(consent(row(**provenance), CONTEXT))
    assert len(found) == len(told)
    assert all(part in hit.message and hit.tier == "certain" for part, hit in zip(told, found, strict=True))


def test_where_nothing_is_written_down_nothing_is_refused_but_remarks_are_made():
    bare = row(source="anything", owner="", licence="", consent="unknown")
    found = [*licence(bare, Context()), *consent(bare, Context())]
    assert [(hit.message, hit.severity, hit.tier) for hit in found] == [
        ("no licence is named", "minor", "review"),
        ("no owner is named", "minor", "review"),
    ]
    (hit,) = consent(row(consent="withdrawn"), Context())
    assert hit.tier == "certain"


def test_the_sample_clearance_knows_its_licences_by_id_and_alias():
    clearance = load(samples.path("clearance.yaml"), Clearance)
    for key, entry in clearance.licences.items():
        assert {rule(name, clearance).use for name in (key, *entry.aliases)} == {entry.use}
