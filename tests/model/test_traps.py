"""Every known trap of the training stack, each with a test that fails without its mend (benchmarks/traps.py shows it).

Most run on the tiny model in a second or two; only what the embedded weights themselves are wrong about needs them.
"""

from __future__ import annotations

import ast
import contextlib
import json
import math
import os
import re
import runpy
from dataclasses import MISSING
from pathlib import Path
from types import SimpleNamespace

import pytest

import labkit
from labkit import LabError
from labkit.preference import reference
from labkit.records import Answer, Message, Pair, Ranking
from labkit.training import adapter, backend, base_model, watch
from labkit.training.rows import render_prompt
from labkit.training.settings import DPOSettings, KTOSettings, LoraSettings, RewardSettings, SFTSettings
from labkit.training.watch import read_log

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"learning_rate": 5e-3, "batch_size": 4, "warmup_steps": 1, "save_steps": 3}
LORA = LoraSettings(rank=4, alpha=4)
SFT = SFTSettings(**QUICK, epochs=2, lora=LORA)
DPO = DPOSettings(**QUICK, epochs=2, accumulation=1)
KTO = KTOSettings(**QUICK, epochs=1)
REWARD = RewardSettings(**QUICK, epochs=2, lora=LORA)


@pytest.fixture(scope="module", autouse=True)
def packed():
    """4-bit weights stay packed, as on a GPU: on a CPU with room they would be unpacked, and many traps with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "unpacks", lambda numbers, free: False)
        yield


@pytest.fixture(scope="module")
def sft(tmp_path_factory, tiny, examples) -> Path:
    """The adapter of an SFT run on a 4-bit base, with its log beside it."""
    from labkit.training.sft import train_sft

    out = tmp_path_factory.mktemp("sft")
    train_sft(examples, out, SFT, tiny)
    return out


@pytest.fixture(scope="module")
def thumbs(preference_rows) -> list[dict]:
    return [
        {"pair": row["pair"], "prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for row in preference_rows
        for side in ("chosen", "rejected")
    ]


@pytest.fixture
def train(tiny, sft, examples, preference_rows, thumbs):
    """Run one stage in this process: ``train("dpo", out)``."""

    def stage(kind, out, settings=None, rows=None):
        from labkit.preference.dpo import train_dpo
        from labkit.preference.kto import train_kto
        from labkit.preference.reward import train_reward
        from labkit.training.sft import train_sft

        out.mkdir(parents=True, exist_ok=True)
        if kind == "sft":
            return train_sft(rows or examples, out, settings or SFT, tiny)
        if kind == "reward":
            return train_reward(rows or preference_rows, out, settings or REWARD, tiny)
        if kind == "dpo":
            return train_dpo(rows or preference_rows, sft / "adapter", out, settings or DPO, tiny)
        return train_kto(rows or thumbs, sft / "adapter", out, settings or KTO, tiny)

    return stage


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in read_log(folder / "log.jsonl")]


# --- before anything is trained ---------------------------------------------------------------------------------------


def test_trl_before_unsloth_is_refused(monkeypatch):
    monkeypatch.setattr(backend, "sys", SimpleNamespace(modules={"trl": None}))
    with pytest.raises(LabError, match="imported before unsloth"):
        backend.unsloth.__wrapped__()


def differing_by_device() -> set[str]:
    """The fields whose defaults Unsloth changes on a GPU, read in its source."""
    from importlib.util import find_spec

    (folder,) = find_spec("unsloth").submodule_search_locations
    tree = ast.parse((Path(folder) / "models" / "rl.py").read_text())
    dicts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "replacements"
        and isinstance(node.value, ast.Dict)
    ]
    return {ast.literal_eval(key) for key in max(dicts, key=lambda d: len(d.keys)).keys} | {"warmup_steps"}


def test_nothing_that_differs_by_device_is_left_to_the_library():
    backend.unsloth()
    import trl

    stages = {trl.SFTConfig: SFT, trl.RewardConfig: REWARD, trl.DPOConfig: DPO, trl.KTOConfig: KTO}
    assert {"learning_rate", "optim", "seed"} <= differing_by_device()
    for config, settings in stages.items():
        fields = set(config.__dataclass_fields__)
        named = set(settings.trainer_arguments("x"))
        assert named <= fields, f"{config.__name__} no longer knows {sorted(named - fields)}"
        assert not (differing_by_device() & fields) - named, config.__name__


def unnamed(config, settings) -> dict[str, str]:
    """The fields that labkit leaves to the library, and the defaults it relies on."""
    named = {*settings.trainer_arguments("x"), "desirable_weight", "undesirable_weight"}
    return {
        name: repr(field.default) if field.default_factory is MISSING else field.default_factory.__name__
        for name, field in sorted(config.__dataclass_fields__.items())
        if name not in named and field.init
    }


def test_no_other_default_has_changed():
    """What labkit leaves to the library is written down: when this fails, read what changed, then write the file anew."""
    backend.unsloth()
    import trl

    stages = {trl.SFTConfig: SFT, trl.RewardConfig: REWARD, trl.DPOConfig: DPO, trl.KTOConfig: KTO}
    found = {config.__name__: unnamed(config, settings) for config, settings in stages.items()}
    known = json.loads((Path(__file__).parent / "trl_defaults.json").read_text())
    for stage, fields in found.items():
        shared = known["all"] | known[stage]
        assert {k: v for k, v in fields.items() if shared.get(k) != v} == {}, stage
        assert not known[stage].keys() - fields.keys(), stage


def test_no_trainer_is_patched_by_hand(tmp_path, train):
    calls = re.compile(r"Patch(?:DPO|KTO)Trainer\s*\(")
    sources = [*(ROOT / "labkit").rglob("*.py"), *(ROOT / "notebooks" / "source").glob("*.py")]
    assert [path.name for path in sources if calls.search(path.read_text())] == []
    train("dpo", tmp_path)  # Unsloth's CPU backend has no such function: a call would fail here


def test_nothing_calls_home(monkeypatch):
    wanted = {"HF_HUB_DISABLE_TELEMETRY": "1", "UNSLOTH_DISABLE_STATISTICS": "1", "HF_HUB_OFFLINE": "1"}
    for name in (*wanted, "LAB_ONLINE"):
        monkeypatch.delenv(name, raising=False)
    runpy.run_path(labkit.__file__)
    assert {name: os.environ.get(name) for name in wanted} == wanted


def test_the_compile_cache_is_outside_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("UNSLOTH_COMPILE_LOCATION", raising=False)
    monkeypatch.chdir(tmp_path)
    backend.unsloth.__wrapped__()
    place = Path(os.environ.get("UNSLOTH_COMPILE_LOCATION", "unsloth_compiled_cache")).resolve()
    assert not place.is_relative_to(tmp_path)


@pytest.mark.parametrize(("given", "seen"), [(None, "0"), ("1", "1"), ("", "")])
def test_gpus_chosen_by_the_user_stay_chosen(monkeypatch, given, seen):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    backend.unsloth.__wrapped__()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == seen


def test_one_gpu_is_visible(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    backend.unsloth.__wrapped__()
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == "0"


# --- tokenizer, end of sequence, masks --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raw():
    """The tokenizer as transformers recovers it from the embedded GGUF."""
    from transformers import AutoTokenizer

    weights = base_model.wheel_weights()
    return AutoTokenizer.from_pretrained(str(weights.parent), gguf_file=weights.name)


def state(tokenizer) -> dict:
    return json.loads(tokenizer.backend_tokenizer.to_str())


def test_the_end_of_turn_ends_the_sequence(raw):
    mended = base_model.repair_tokenizer(raw)
    assert (mended.eos_token, mended.eos_token_id, mended.pad_token_id) == ("<|im_end|>", 2, 2)


def test_byte_fallback_is_off(raw):
    assert state(base_model.repair_tokenizer(raw))["model"]["byte_fallback"] is False


def test_every_digit_is_split_off(raw):
    step = state(base_model.repair_tokenizer(raw))["pre_tokenizer"]
    assert step.get("pretokenizers", [step])[0] == {"type": "Digits", "individual_digits": True}


def test_an_export_of_a_base_with_a_wrong_end_stops(tmp_path, tiny, examples, tokenizer):
    """The configs of a GGUF-recovered base name <|im_start|>; an export that keeps it never stops."""
    backend.unsloth()
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    from labkit.training.sft import train_sft

    base = tmp_path / "base"
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig.from_pretrained(str(tiny), tie_word_embeddings=False))
    model.lm_head.weight.data.mul_(20)  # so that random weights can learn to be sure of a token
    model.config.eos_token_id = model.generation_config.eos_token_id = 1
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    rows = [e.model_copy(update={"response": "Yes."}) for e in examples[:12]]
    train_sft(rows, tmp_path, SFT.model_copy(update={"epochs": 20, "lora": LoraSettings(rank=32, alpha=64)}), base)
    out = adapter.merge(base, tmp_path / "adapter", tmp_path / "merged")
    for name in ("config.json", "generation_config.json"):
        assert json.loads((out / name).read_text())["eos_token_id"] == tokenizer.eos_token_id
    model = AutoModelForCausalLM.from_pretrained(str(out), dtype=torch.float32)
    stopped = 0
    for example in examples[:20]:
        ids = tokenizer(render_prompt(example.prompt, tokenizer), return_tensors="pt", add_special_tokens=False)[
            "input_ids"
        ]
        with torch.inference_mode():
            answer = model.generate(ids, max_new_tokens=20, do_sample=False)[0, ids.shape[1] :]
        stopped += int(answer[-1]) == tokenizer.eos_token_id
    assert stopped >= 18, f"{stopped} of 20 answers stopped"


def trained_tokens(out, tiny, examples) -> list[list[int]]:
    from labkit.training.sft import prepare

    trainer, *_ = prepare(examples, out, SFT, tiny)
    batch = next(iter(trainer.get_train_dataloader()))
    return [
        [int(t) for t, y in zip(ids, labels, strict=True) if y != -100]
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True)
    ]


def test_only_the_answer_is_trained(tmp_path, tiny, examples, tokenizer):
    answers = {e.response for e in examples}
    for tokens in trained_tokens(tmp_path, tiny, examples):
        assert tokenizer.decode(tokens, skip_special_tokens=True) in answers


def test_one_end_is_trained(tmp_path, tiny, examples, tokenizer):
    for tokens in trained_tokens(tmp_path, tiny, examples):
        assert tokens.count(tokenizer.eos_token_id) == 1 and tokens[-1] == tokenizer.eos_token_id


# --- training ---------------------------------------------------------------------------------------------------------


def test_the_adapter_is_trained_in_float32(tmp_path, train):
    from safetensors.torch import load_file

    train("sft", tmp_path, SFT.model_copy(update={"epochs": 0.2}))
    weights = load_file(str(tmp_path / "adapter" / "adapter_model.safetensors"))
    assert {str(w.dtype) for w in weights.values()} == {"torch.float32"}


def test_a_loss_that_is_no_number_stops_the_run(tmp_path, train):
    with pytest.raises(LabError, match=r"step 2: (loss|grad_norm) is"):
        train("sft", tmp_path, SFT.model_copy(update={"learning_rate": 1e30, "warmup_steps": 0, "scheduler": "linear"}))


class Killed(BaseException):
    """What a killed kernel looks like from inside."""


@contextlib.contextmanager
def killed_at(step: int):
    real = watch.append_jsonl

    def dies(path, row):
        real(path, row)
        if row["step"] == step:
            raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(watch, "append_jsonl", dies)
        yield


@pytest.mark.parametrize("kind", ["sft", "dpo", "kto"])
def test_resumed_is_uninterrupted(tmp_path, train, kind):
    train(kind, tmp_path / "whole")
    with killed_at(5):
        train(kind, tmp_path / "killed")
    assert (tmp_path / "killed" / "checkpoints" / "checkpoint-3").exists()
    train(kind, tmp_path / "killed")
    lines = (tmp_path / "killed" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines[:7]] == [1, 2, 3, 4, 5, 4, 5]  # it went on, not back
    assert losses(tmp_path / "killed") == pytest.approx(losses(tmp_path / "whole"), abs=1e-4)


# --- reference --------------------------------------------------------------------------------------------------------


def logp_of(model, rows, tokenizer) -> float:
    """Mean log-probability of the chosen answers (completions), end of turn included."""
    import torch

    total = 0.0
    for row in rows:
        prompt = render_prompt([Message(**m) for m in row["prompt"]], tokenizer)
        answer = (row.get("chosen") or row["completion"])[0]["content"]
        ids = tokenizer(prompt + answer + "<|im_end|>", return_tensors="pt")["input_ids"]
        start = len(tokenizer(prompt)["input_ids"])
        with torch.no_grad():
            logp = model(ids).logits[0, :-1].float().log_softmax(-1)
        total += logp.gather(1, ids[0, 1:, None])[start - 1 :].sum().item()
    return total / len(rows)


@pytest.mark.parametrize("kind", ["dpo", "kto"])
def test_the_policy_starts_as_the_sft_model(tmp_path, tiny, sft, train, tokenizer, preference_rows, thumbs, kind):
    """Loss as of two equal models, and log-probabilities of the SFT model and not of the bare base."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    rows = preference_rows[:4] if kind == "dpo" else [*thumbs[:8:2], *thumbs[1:8:2]]
    settings = {"dpo": DPO, "kto": KTO}[kind].model_copy(
        update={"epochs": 1, "four_bit": False, "batch_size": len(rows)}  # exact weights, and one batch of all rows
    )
    manifest = train(kind, tmp_path, settings, rows)
    first = read_log(tmp_path / "log.jsonl")[0]
    assert manifest.start_loss == pytest.approx({"dpo": math.log(2), "kto": 0.5}[kind])
    assert first["loss"] == pytest.approx(manifest.start_loss, abs=1e-3)
    assert first["rewards/margins"] == pytest.approx(0, abs=1e-3)
    chosen = [row for row in rows if row.get("label", True)]
    base = AutoModelForCausalLM.from_pretrained(str(tiny), dtype=torch.float32)
    of_base = logp_of(base, chosen, tokenizer)
    of_sft = logp_of(PeftModel.from_pretrained(base, str(sft / "adapter")), chosen, tokenizer)
    assert abs(of_sft - of_base) > 2  # the two can be told apart
    assert first["logps/chosen"] == pytest.approx(of_sft, abs=0.05 * abs(of_sft - of_base))


def test_a_reference_without_the_sft_weights_is_refused(tmp_path, train, monkeypatch):
    """Its first loss would be ln 2 all the same: it would be compared with itself."""
    monkeypatch.setattr(reference, "load_weights", lambda model, folder: None)
    with pytest.raises(LabError, match="does not hold the SFT adapter's weights"):
        train("dpo", tmp_path)
    assert not (tmp_path / "log.jsonl").exists()


def test_a_first_loss_that_shows_another_reference_stops_the_run(tmp_path, train, monkeypatch):
    def spoil(kind, model, folder):
        for name, parameter in model.named_parameters():
            if ".ref." in name:
                parameter.data.mul_(-5)

    monkeypatch.setattr(reference, "check_reference", spoil)
    with pytest.raises(LabError, match="dpo step 1: the loss is"):
        train("dpo", tmp_path)
    assert len(losses(tmp_path)) == 1


@pytest.mark.parametrize("kind", ["dpo", "kto"])
def test_the_same_cell_runs_twice(tmp_path, train, kind):
    for name in ("once", "twice"):
        train(kind, tmp_path / name)
    assert losses(tmp_path / "once") == pytest.approx(losses(tmp_path / "twice"), abs=1e-6)
    assert not (tmp_path / "twice" / "adapter" / "ref").exists()


def test_smoothing_without_the_robust_loss_is_refused():
    with pytest.raises(ValueError, match="label_smoothing"):
        DPOSettings(label_smoothing=0.1)
    assert DPOSettings(label_smoothing=0.1, loss="robust").trainer_arguments("x")["label_smoothing"] == 0.1


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "label"), [("both_good", True), ("both_bad", False)])
def test_what_ties_teach(outcome, label):
    made = tied(outcome)
    assert [row["label"] for row in made.kto] == [label, label] and made.accounting.used == 0


def tied(outcome):
    from labkit.preference.pairs import preference_rows

    answers = [Answer(text=text, source="hidden") for text in ("first", "second")]
    pair = Pair(id="p1", prompt=[Message(role="user", content="How long?")], answers=answers)
    return preference_rows([pair], [Ranking(id="r1", pair="p1", annotator="ana", left=0, right=1, outcome=outcome)])


def test_ties_make_no_pairs():
    assert tied("both_good").dpo == [] == tied("both_bad").dpo


@pytest.mark.parametrize("kind", ["sft", "reward", "dpo", "kto"])
def test_every_row_is_accounted_for(tmp_path, train, examples, preference_rows, thumbs, kind):
    """One answer is too long: cut, it would teach to stop nowhere; filtered in silence, nobody would know."""
    words = "word " * 200
    if kind == "sft":
        rows = [*examples[:8], examples[0].model_copy(update={"id": "long", "response": words})]
    elif kind == "kto":
        rows = [*thumbs[:8], thumbs[0] | {"pair": "long", "completion": [{"role": "assistant", "content": words}]}]
    else:
        rows = [
            *preference_rows[:8],
            preference_rows[0] | {"pair": "long", "chosen": [{"role": "assistant", "content": words}]},
        ]
    settings = {"sft": SFT, "reward": REWARD, "dpo": DPO, "kto": KTO}[kind]
    manifest = train(kind, tmp_path, settings.model_copy(update={"max_length": 128, "epochs": 0.5}), rows)
    assert (manifest.rows_in, manifest.rows_trained, sum(manifest.rows_dropped.values())) == (9, 8, 1)
    dropped = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_text().splitlines()]
    assert [(row["row_id"], "more than max_length" in row["message"]) for row in dropped] == [("long", True)]


# --- merging ----------------------------------------------------------------------------------------------------------


def test_merged_weights_answer_like_the_adapter(tmp_path, tiny, sft):
    import torch
    from peft import PeftModel
    from transformers import LlamaForCausalLM

    ids = torch.tensor([[1, 50, 60, 70, 80, 90]])
    base = LlamaForCausalLM.from_pretrained(str(tiny), dtype=torch.float32)
    with torch.no_grad():
        plain = base(ids).logits.clone()
        apart = PeftModel.from_pretrained(base, str(sft / "adapter"))(ids).logits.clone()
        out = adapter.merge(tiny, sft / "adapter", tmp_path / "m")
        together = LlamaForCausalLM.from_pretrained(str(out), dtype=torch.float32)(ids).logits
    effect, error = (apart - plain).abs().mean().item(), (together - apart).abs().mean().item()
    assert error <= 0.01 and error < 0.004 * effect, f"error {error:.5f} of an effect of {effect:.3f}"


def test_a_4_bit_training_is_merged_into_full_weights(tmp_path, tiny, sft):
    from safetensors.torch import load_file

    assert adapter.read_manifest(sft / "adapter").settings["four_bit"] is True
    out = adapter.merge(tiny, sft / "adapter", tmp_path / "m")
    assert "quantization_config" not in json.loads((out / "config.json").read_text())
    assert {str(w.dtype) for w in load_file(str(out / "model.safetensors")).values()} == {"torch.float16"}


# --- reward model -----------------------------------------------------------------------------------------------------


def head(folder: Path):
    from safetensors.torch import load_file

    saved = load_file(str(folder / "adapter" / "adapter_model.safetensors"))
    return next((weight for name, weight in saved.items() if "score" in name), None)


def test_the_reward_head_starts_from_the_seed(tiny):
    import torch

    from labkit.preference.reward import _classifier

    heads = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        heads.append(_classifier(tiny, 42)[0].score.weight.detach())
    assert torch.equal(*heads)


def test_the_reward_head_is_saved(tmp_path, tiny, train):
    import torch

    from labkit.preference.reward import RewardModel, _classifier

    train("reward", tmp_path)
    saved = head(tmp_path)
    assert saved is not None and not torch.equal(saved, _classifier(tiny, REWARD.seed)[0].score.weight.detach())
    assert torch.equal(RewardModel(tmp_path / "adapter", tiny).model.score.weight.detach(), saved)


def test_the_reward_model_has_one_output(tiny):
    from labkit.preference import reward

    model, _ = reward._classifier(tiny, 42)
    assert model.score.out_features == 1 and model.config.num_labels == 1


def test_answers_are_scored_as_they_were_trained(tmp_path, tiny, train, monkeypatch, preference_rows):
    """The token ids that the trainer saw and those that are scored later are the same, up to the end of the turn."""
    backend.unsloth()
    import trl

    from labkit.preference.reward import RewardModel

    seen = []
    real = trl.RewardTrainer.train

    def spied(self, *given, **options):
        seen.extend(self.train_dataset["chosen_ids"])
        return real(self, *given, **options)

    monkeypatch.setattr(trl.RewardTrainer, "train", spied)
    train("reward", tmp_path, REWARD.model_copy(update={"epochs": 0.5}))
    judge = RewardModel(tmp_path / "adapter", tiny)
    scored = []
    judge.model.register_forward_pre_hook(
        lambda module, given, options: scored.extend(
            ids[mask.bool()].tolist() for ids, mask in zip(options["input_ids"], options["attention_mask"], strict=True)
        ),
        with_kwargs=True,
    )
    judge.score([row["prompt"] for row in preference_rows], [row["chosen"][0]["content"] for row in preference_rows])
    assert sorted(scored) == sorted(seen) and len(seen) == len(preference_rows)


# --- bitsandbytes -----------------------------------------------------------------------------------------------------


def test_4_bit_weights_are_never_repacked(tiny, monkeypatch):
    """On processors with AVX512-BF16 a forward pass without gradients would repack them, and later gradients be wrong."""
    import bitsandbytes

    backend.unsloth()
    for module in (bitsandbytes.nn.modules, bitsandbytes.functional):
        if hasattr(module, "has_avx512bf16"):
            monkeypatch.setattr(module, "has_avx512bf16", lambda: True)
    model, _ = backend.load_base(tiny, four_bit=True, max_length=64)
    layers = [m for m in model.modules() if isinstance(m, bitsandbytes.nn.Linear4bit)]
    assert layers and not any(getattr(layer, "support_avx512bf16_for_cpu", False) for layer in layers)


def test_unpacked_4_bit_weights_train_to_the_same_losses(train, tmp_path, monkeypatch):
    import bitsandbytes

    seen, real = [], backend.add_adapter

    def looked_at(model, *given):
        seen.append(any(isinstance(m, bitsandbytes.nn.Linear4bit) for m in model.modules()))
        return real(model, *given)

    monkeypatch.setattr("labkit.training.sft.add_adapter", looked_at)
    found = []
    for unpacked in (False, True):
        monkeypatch.setattr(backend, "unpacks", lambda numbers, free, yes=unpacked: yes)
        train("sft", tmp_path / str(unpacked))
        found.append(losses(tmp_path / str(unpacked)))
    assert seen == [True, False]
    assert len(found[0]) > 3 and found[0] == found[1]
