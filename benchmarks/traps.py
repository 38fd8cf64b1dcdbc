"""Does every known trap have a test that fails without its mend?

Each trap has a *removal*, which takes its mend away, and a test in ``tests/model/test_traps.py``. The tests run twice, each
time in a process of their own: as they are (all must be green), and with LABKIT_TRAP_REMOVED=each, where the fixture of
``tests/model/conftest.py`` takes away, for each test, the mend that it guards (all must be red).

``python -m benchmarks.traps --only dpo-reference`` runs one of them.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, finish
from labkit.lesson.table import Table

TESTS = "tests/model/test_traps.py"
ROOT = Path(__file__).resolve().parent.parent
Patch = Any  # pytest.MonkeyPatch


@dataclass(frozen=True)
class Trap:
    """The test that guards a mend, and what takes the mend away."""

    test: str
    remove: Callable[[Patch], None]
    removal: str


def _replaced(target: str, value: Any) -> Callable[[Patch], None]:
    """Replace ``module:attribute`` by a value."""

    def remove(patch: Patch) -> None:
        module, name = target.split(":")
        patch.setattr(f"{module}.{name}", value)

    return remove


def _nothing(*_: Any, **__: Any) -> None:
    """What stands in for a mend."""


def _no_environment(patch: Patch) -> None:
    patch.setattr(type(os.environ), "setdefault", lambda self, key, value=None: value)


def _settings_without_optimiser(patch: Patch) -> None:
    from labkit.training.settings import TrainerSettings

    real = TrainerSettings.trainer_arguments
    left = ("optim", "seed", "warmup_steps")
    patch.setattr(
        TrainerSettings,
        "trainer_arguments",
        lambda self, folder: {k: v for k, v in real(self, folder).items() if k not in left},
    )


def _everything_is_trained(patch: Patch) -> None:
    from labkit.training import rows

    real = rows.encode
    patch.setattr(rows, "encode", lambda e, t: _with_mask(real(e, t)))


def _with_mask(row: Any) -> Any:
    return type(row)(row.id, row.input_ids, [1] * len(row.input_ids))


def _second_end(patch: Patch) -> None:
    from labkit.training import rows

    real = rows.encode

    def twice(example: Any, tokenizer: Any) -> Any:
        row = real(example, tokenizer)
        return type(row)(row.id, [*row.input_ids, tokenizer.eos_token_id], [*row.completion_mask, 1])

    patch.setattr(rows, "encode", twice)


def _rows_lost_silently(patch: Patch) -> None:
    from labkit.training import sft

    real = sft.encode_all
    patch.setattr(sft, "encode_all", lambda *given: (real(*given)[0], []))


def _one_policy_for_all(patch: Patch) -> None:
    from labkit.preference import reference

    kept: list[Any] = []
    real = reference.policy

    def policy(*given: Any) -> Any:
        kept.append(kept[0] if kept else real(*given))
        return kept[0]

    for module in ("dpo", "kto"):
        patch.setattr(f"labkit.preference.{module}.policy", policy)


def _patched_trainer(patch: Patch) -> None:
    from labkit.preference import reference
    from labkit.training.backend import unsloth

    real = reference.policy

    def policy(*given: Any) -> Any:
        unsloth().PatchDPOTrainer()
        return real(*given)

    patch.setattr("labkit.preference.dpo.policy", policy)


def _without_optimiser_state(patch: Patch) -> None:
    from labkit.training.settings import SFTSettings

    real = SFTSettings.trainer_arguments
    patch.setattr(SFTSettings, "trainer_arguments", lambda self, f: real(self, f) | {"save_only_model": True})


def _ties_won_by_the_left(patch: Patch) -> None:
    from labkit.preference import pairs

    real = pairs.choices
    patch.setattr(
        pairs,
        "choices",
        lambda event: {at: said if isinstance(said, int) else at.answers[0] for at, said in real(event).items()},
    )


def _loaded_with(patch: Patch, **changes: Any) -> None:
    from transformers import AutoModelForCausalLM

    real = AutoModelForCausalLM.from_pretrained.__func__  # type: ignore[attr-defined]

    def load(cls: Any, *given: Any, **options: Any) -> Any:
        return real(cls, *given, **(options | changes))

    patch.setattr(AutoModelForCausalLM, "from_pretrained", classmethod(load))


def _merge_in_bfloat16(patch: Patch) -> None:
    import torch

    _loaded_with(patch, dtype=torch.bfloat16)


def _merge_into_four_bits(patch: Patch) -> None:
    from transformers import BitsAndBytesConfig

    _loaded_with(patch, quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"))


def _head_not_saved(patch: Patch) -> None:
    import peft

    real = peft.LoraConfig

    @functools.wraps(real)
    def config(*given: Any, **options: Any) -> Any:
        return real(*given, **{k: v for k, v in options.items() if k not in ("task_type", "modules_to_save")})

    patch.setattr(peft, "LoraConfig", config)


def _reward_through_unsloth(patch: Patch) -> None:
    from labkit.preference import reward
    from labkit.training.backend import load_base

    patch.setattr(reward, "_classifier", lambda base, seed: load_base(base, four_bit=False, max_length=128))


def _scored_in_another_rendering(patch: Patch) -> None:
    from labkit.preference import reward

    real = reward.RewardModel.score

    def score(self: Any, prompts: Any, answers: Any, batch: int = 32) -> list[float]:
        return real(self, prompts, [answer + "\n" for answer in answers], batch)

    patch.setattr(reward.RewardModel, "score", score)


def _packed_weights(patch: Patch) -> None:
    from labkit.training.backend import unsloth

    unsloth()  # before its other half
    patch.setattr("unsloth_zoo.cpu.loader._disable_bnb_cpu_weight_packing", _nothing)


_REFERENCE = "labkit.preference.reference"
_TOKENIZER = _replaced("labkit.training.base_model:repair_tokenizer", lambda tokenizer: tokenizer)
_LONGEST = _replaced(f"{_REFERENCE}:longest", lambda texts, tokenizer: 0)
_KEEP_REF = _replaced(f"{_REFERENCE}:drop_reference", _nothing)
_LOST_SFT = _replaced(f"{_REFERENCE}:load_weights", _nothing)

TRAPS = {
    "import-order": Trap(
        "test_trl_before_unsloth_is_refused", _replaced("labkit.training.backend:refuse_late", _nothing), "no check"
    ),
    "device-defaults": Trap(
        "test_nothing_that_differs_by_device_is_left_to_the_library",
        _settings_without_optimiser,
        "seed, optimiser left out",
    ),
    "patch-dpo-trainer": Trap("test_no_trainer_is_patched_by_hand", _patched_trainer, "PatchDPOTrainer() is called"),
    "tokenizer-eos": Trap("test_the_end_of_turn_ends_the_sequence", _TOKENIZER, "no repair"),
    "tokenizer-byte-fallback": Trap("test_byte_fallback_is_off", _TOKENIZER, "no repair"),
    "tokenizer-digits": Trap("test_every_digit_is_split_off", _TOKENIZER, "no repair"),
    "eos-in-exports": Trap(
        "test_an_export_of_a_base_with_a_wrong_end_stops",
        _replaced("labkit.training.adapter:end_of_turn", _nothing),
        "configs keep the base's end",
    ),
    "mask": Trap("test_only_the_answer_is_trained", _everything_is_trained, "prompt trained too"),
    "second-eos": Trap("test_one_end_is_trained", _second_end, "an end is appended twice"),
    "adapter-precision": Trap(
        "test_the_adapter_is_trained_in_float32",
        _replaced("labkit.training.loop:full_precision_adapter", _nothing),
        "TRL's bfloat16 adapter",
    ),
    "nan": Trap(
        "test_a_loss_that_is_no_number_stops_the_run",
        _replaced("labkit.training.watch:refuse_nan", _nothing),
        "no guard",
    ),
    "dpo-reference": Trap("test_the_policy_starts_as_the_sft_model[dpo]", _LOST_SFT, "SFT weights not loaded"),
    "kto-reference": Trap("test_the_policy_starts_as_the_sft_model[kto]", _LOST_SFT, "SFT weights not loaded"),
    "reference-check": Trap(
        "test_a_reference_without_the_sft_weights_is_refused",
        _replaced(f"{_REFERENCE}:check_reference", _nothing),
        "no check of the copy",
    ),
    "first-loss": Trap(
        "test_a_first_loss_that_shows_another_reference_stops_the_run",
        _replaced(f"{_REFERENCE}:refuse_start", _nothing),
        "no check at step 1",
    ),
    "dpo-twice": Trap("test_the_same_cell_runs_twice[dpo]", _one_policy_for_all, "model kept from the first run"),
    "kto-twice": Trap("test_the_same_cell_runs_twice[kto]", _one_policy_for_all, "model kept from the first run"),
    "sft-resume": Trap("test_resumed_is_uninterrupted[sft]", _without_optimiser_state, "optimiser state not saved"),
    "dpo-resume": Trap("test_resumed_is_uninterrupted[dpo]", _KEEP_REF, "ref/ stays in checkpoints"),
    "kto-resume": Trap("test_resumed_is_uninterrupted[kto]", _KEEP_REF, "ref/ stays in checkpoints"),
    "label-smoothing": Trap(
        "test_smoothing_without_the_robust_loss_is_refused",
        _replaced("labkit.training.settings:DPOSettings.model_post_init", _nothing),
        "no refusal",
    ),
    "ties": Trap("test_ties_make_no_pairs", _ties_won_by_the_left, "the left answer wins ties"),
    "rows-sft": Trap("test_every_row_is_accounted_for[sft]", _rows_lost_silently, "findings thrown away"),
    "rows-reward": Trap("test_every_row_is_accounted_for[reward]", _LONGEST, "left to TRL, which filters"),
    "rows-dpo": Trap("test_every_row_is_accounted_for[dpo]", _LONGEST, "left to TRL, which cuts"),
    "rows-kto": Trap("test_every_row_is_accounted_for[kto]", _LONGEST, "left to TRL, which cuts"),
    "merge-precision": Trap("test_merged_weights_answer_like_the_adapter", _merge_in_bfloat16, "merged in bfloat16"),
    "merge-4-bit": Trap(
        "test_a_4_bit_training_is_merged_into_full_weights", _merge_into_four_bits, "merged into 4 bits"
    ),
    "reward-head-seed": Trap(
        "test_the_reward_head_starts_from_the_seed", _replaced("transformers:set_seed", _nothing), "not seeded"
    ),
    "reward-head-saved": Trap("test_the_reward_head_is_saved", _head_not_saved, "no SEQ_CLS, no modules_to_save"),
    "reward-through-unsloth": Trap("test_the_reward_model_has_one_output", _reward_through_unsloth, "Unsloth's loader"),
    "reward-template": Trap(
        "test_answers_are_scored_as_they_were_trained", _scored_in_another_rendering, "a newline more when scoring"
    ),
    "bnb-repacking": Trap("test_4_bit_weights_are_never_repacked", _packed_weights, "Unsloth's switch is off"),
    "several-gpus": Trap("test_one_gpu_is_visible", _no_environment, "variable not set"),
    "telemetry": Trap("test_nothing_calls_home", _no_environment, "variables not set"),
    "compile-cache": Trap("test_the_compile_cache_is_outside_the_working_folder", _no_environment, "variable not set"),
}


def take_away(node: str, wanted: str, patch: Patch) -> None:
    """Take away the mend that a test guards.

    Args:
        node: name of the test, with its parameters.
        wanted: ``each``, or the name of the only trap that is meant.
        patch: pytest's monkeypatch of that test.
    """
    for name, trap in TRAPS.items():
        if trap.test == node and wanted in ("each", name):
            trap.remove(patch)


def run(names: list[str], removed: bool) -> dict[str, tuple[bool, str]]:
    """Run the tests of some traps in a process of their own.

    Returns:
        For each test, whether it passed, and the first line of its failure.
    """
    nodes = [f"{TESTS}::{TRAPS[name].test}" for name in names]
    environment = {k: v for k, v in os.environ.items() if k != "LABKIT_TRAP_REMOVED"}
    if removed:
        environment["LABKIT_TRAP_REMOVED"] = "each"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *nodes]
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
        if not report.exists():
            raise SystemExit("pytest left no report: run 'python -m pytest tests/model/test_traps.py' to see why")
        return {case.get("name", ""): _outcome(case) for case in ElementTree.parse(report).iter("testcase")}


def _outcome(case: ElementTree.Element) -> tuple[bool, str]:
    problem = next((case.find(kind) for kind in ("failure", "error", "skipped") if case.find(kind) is not None), None)
    if problem is None:
        return True, ""
    return False, (problem.get("message") or problem.tag).strip().splitlines()[0][:160]


def main() -> None:
    """Run every trap with and without its mend and print the table."""
    parser = arguments("Does each trap's test fail without its mend?")
    parser.add_argument("--only", nargs="+", choices=list(TRAPS), metavar="TRAP", help="some of the traps")
    options = parser.parse_args()
    names = options.only or list(TRAPS)
    kept, gone = run(names, removed=False), run(names, removed=True)
    rows, failures = [], {}
    for name in names:
        test = TRAPS[name].test
        green, red = kept.get(test, (False, "not run"))[0], not gone.get(test, (True, "not run"))[0]
        rows.append(
            {
                "trap": name,
                "test": test,
                "with": "green" if green else "RED",
                "without": "red" if red else "GREEN",
                "taken away": TRAPS[name].removal,
            }
        )
        failures[name] = gone.get(test, (True, "not run"))[1]
    print(Table(rows))
    good = [row["trap"] for row in rows if (row["with"], row["without"]) == ("green", "red")]
    print(f"\n{len(good)} of {len(rows)} traps: green with the mend, red without it")
    for row in rows:
        if row["trap"] not in good:
            print(
                f"{row['trap']}: {kept.get(str(row['test']), (False, 'not run'))[1] or 'stays green without its mend'}"
            )
    result = {"total": len(rows), "red_without_mend": len(good), "traps": rows, "failures": failures}
    finish("traps", result, options, [ROOT / TESTS, ROOT / "tests" / "model" / "conftest.py"])
    raise SystemExit(len(good) != len(rows))


if __name__ == "__main__":
    main()
