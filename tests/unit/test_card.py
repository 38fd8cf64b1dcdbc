"""The model card says what was learned, what is broken, who signed, and what it leaves open."""

from __future__ import annotations

import yaml

from labkit.release.card import gaps, section, text
from labkit.release.gate import Decision, Item
from labkit.release.sign import Signature
from labkit.training.adapter import Manifest

MADE = Manifest(
    kind="dpo", base="small-model", base_sha256="b" * 64, parent_sha256="p" * 64, data_sha256="d" * 64,
    settings={"beta": 0.1}, rows_in=61, rows_trained=60, rows_dropped={"too-long": 1, "empty": 0}, steps=15,
    first_loss=0.6931, last_loss=0.21, seconds=90, device="cpu, 2 threads", versions={"torch": "2.13.0"},
    weights_sha256="w" * 64,
)  # fmt: skip


def decision(*outcomes: str) -> Decision:
    numbers = {"n": 10, "rate": 0.4, "low": 0.17, "high": 0.69, "seed_cases": 10}
    items = [
        Item(name=f"R{i}", outcome=outcome, sentence=f"R{i} is {outcome}.", numbers=numbers)
        for i, outcome in enumerate(outcomes)
    ]
    return Decision(policy="p", candidate="dpo", items=items)


def test_the_card_holds_numbers_and_hashes() -> None:
    card = text(MADE, decision("go"), "answers of a shop")
    for said in (
        "60 of 61 rows",
        "Rows left out: 1 too-long",
        "d" * 12,
        "w" * 12,
        "p" * 12,
        "1.5 minutes",
        "0.693 to 0.210",
        "torch 2.13.0",
        "beta 0.1",
    ):
        assert said in card
    assert section(card, "Bias, Risks, and Limitations") == "- None that the suite could show."
    assert section(card, "Direct Use") == "answers of a shop"
    assert "by nobody yet" in card and "<!--" not in card
    assert "from adapter" not in text(MADE.model_copy(update={"parent_sha256": None}), decision("go"), "x")


def test_the_metadata_is_what_a_model_hub_reads() -> None:
    card = text(MADE, decision("go", "no-go"), "x", licence="mit", language="en")
    found = yaml.safe_load(card.split("---\n")[1])
    assert (found["base_model"], found["library_name"], found["license"], found["language"]) == (
        "small-model", "peft", "mit", "en",
    )  # fmt: skip
    [result, other] = found["model-index"][0]["results"]
    [metric] = result["metrics"]
    assert (result["dataset"]["name"], other["dataset"]["name"]) == ("R0", "R1")
    assert (metric["type"], metric["value"], metric["args"]) == ("pass_rate", 0.4, {"n": 10, "low": 0.17, "high": 0.69})


def test_what_is_broken_or_undecided_is_a_known_limit() -> None:
    card = text(MADE, decision("go", "no-go", "inconclusive", "reported"), "x")
    assert section(card, "Bias, Risks, and Limitations") == "- R1 is no-go.\n- R2 is inconclusive."
    assert section(card, "Results").splitlines()[1] == r"- \[no-go\] R1 is no-go."


def test_the_last_section_lists_every_gap_and_no_other() -> None:
    bare = text(MADE, decision("go"), "x")
    listed = section(bare, "Gaps").splitlines()[2:]
    assert {"- Model Description: Developed by", "- Out-of-Scope Use", "- Citation", "- Model Card Contact"} <= set(
        listed
    )
    assert len(listed) == len(set(listed)) == len(gaps(bare))
    fuller = section(text(MADE, decision("go"), "x", out_of_scope="advice on health", licence="mit"), "Gaps")
    assert set(listed) - set(fuller.splitlines()) == {"- Out-of-Scope Use", "- Model Description: License"}
    assert section(bare, "No such heading") == ""
    assert "- Direct Use" not in section(text(MADE, decision("go"), "[More Information Needed]"), "Gaps")


def test_the_signature_and_hostile_text_stay_on_their_lines() -> None:
    signature = Signature(
        name="Ada", word="go", reason="because\n# it is", candidate="dpo", gate="go", decision_sha256="0" * 64, at=""
    )
    hostile = "answers\x1b[31m of a\nshop <script>alert(1)</script> {{ 7*7 }} ![x](http://x/y.png)"
    card = text(MADE, decision("go").model_copy(update={"candidate": hostile}), hostile, signature)
    assert r'signed by Ada. Reason: "because \# it is"' in card
    assert section(card, "Direct Use") == (
        r"answers of a shop \<script\>alert(1)\</script\> {{ 7\*7 }} !\[x\](http://x/y.png)"
    )
    assert "\x1b" not in card and not any(line.startswith("# it") for line in card.splitlines())
    assert yaml.safe_load(card.split("---\n")[1])["library_name"] == "peft"


def test_equal_evidence_gives_equal_bytes() -> None:
    assert text(MADE, decision("go", "no-go"), "x") == text(MADE, decision("go", "no-go"), "x")
