"""The model card says what was learned, what is broken and who signed."""

from __future__ import annotations

from labkit.release.card import text
from labkit.release.gate import Decision, Item
from labkit.release.sign import Signature
from labkit.training.adapter import Manifest

MADE = Manifest(
    kind="dpo", base="small-model", base_sha256="b" * 64, parent_sha256="p" * 64, data_sha256="d" * 64, settings={},
    rows_in=61, rows_trained=60, rows_dropped={"too-long": 1, "empty": 0}, steps=15, first_loss=0.6931, last_loss=0.21,
    seconds=90, device="cpu, 2 threads", versions={"torch": "2.13.0"}, weights_sha256="w" * 64,
)  # fmt: skip


def decision(*outcomes: str) -> Decision:
    items = [Item(name=f"R{i}", outcome=outcome, sentence=f"R{i} is {outcome}.") for i, outcome in enumerate(outcomes)]
    return Decision(policy="p", candidate="dpo", items=items)


def test_the_card_holds_numbers_and_hashes() -> None:
    card = text(MADE, decision("go"), "answers of a shop")
    for said in (
        "60 of 61 rows (1 too-long)",
        "d" * 12,
        "w" * 12,
        "p" * 12,
        "1.5 minutes on cpu",
        "0.693 to 0.210",
        "torch 2.13.0",
    ):
        assert said in card
    assert "None that the suite could show" in card and "by nobody yet" in card
    assert "from adapter" not in text(MADE.model_copy(update={"parent_sha256": None}), decision("go"), "x")


def test_what_is_broken_or_undecided_is_a_known_limit() -> None:
    card = text(MADE, decision("go", "no-go", "inconclusive", "reported"), "x")
    assert "**Known limits:**\n- R1 is no-go.\n- R2 is inconclusive.\n\n**Signed:**" in card


def test_the_signature_and_hostile_text_stay_on_their_lines() -> None:
    signature = Signature(
        name="Ada", word="go", reason="because\n# it is", candidate="dpo", gate="go", decision_sha256="0" * 64, at=""
    )
    card = text(MADE, decision("go"), "answers\x1b[31m of a\nshop", signature)
    assert 'signed by Ada. Reason: "because # it is"' in card
    assert "answers of a shop" in card
    assert card.count("\n# ") == 0
