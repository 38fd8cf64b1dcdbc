"""What fits and how long it takes: the sums, the refusals, and the lab's own measured runs."""

from __future__ import annotations

import json

import pytest

from labkit import LabError, samples
from labkit.formats import read_rows
from labkit.machine import GB
from labkit.records import Example, Message
from labkit.training import fit as module
from labkit.training.fit import NF4, Device, before_training, estimate, memory_needed, operations, token_lengths
from labkit.training.presets import PRESETS, choose, named
from labkit.training.settings import DPOSettings, KTOSettings, LoraSettings, RewardSettings, SFTSettings
from labkit.training.sizes import read_sizes

SMOL = named("cpu").sizes
LORA = SFTSettings().lora
QUIET = Device("cpu", 8 * GB, 1.3e11)  # the two cores the constants were set on
# Rows of the lab's support samples: 426 rows of 68 tokens on average, the longest 121; 79 pairs.
SFT_ROWS = [68] * 425 + [121]
PAIRS = [120] * 78 + [160]


def config(folder, **changes):
    sizes = {
        "hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3,
        "num_hidden_layers": 30, "vocab_size": 49152, "tie_word_embeddings": True, **changes,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(sizes))
    return folder


def test_sizes_are_read_from_the_configuration(tmp_path):
    assert read_sizes(config(tmp_path)) == SMOL
    assert read_sizes(config(tmp_path, head_dim=32)).projections["q_proj"] == (576, 288)
    assert read_sizes("some/hub-name") is None
    assert read_sizes(config(tmp_path, intermediate_size=None)) is None  # of another shape


@pytest.mark.parametrize(("preset", "billions"), [("cpu", 0.1345), ("t4", 1.711), ("24gb", 7.616), ("80gb", 14.77)])
def test_the_presets_sizes_give_the_published_parameter_counts(preset, billions):
    sizes = named(preset).sizes
    assert (sizes.in_layers + (1 if sizes.tied else 2) * sizes.table) / 1e9 == pytest.approx(billions, rel=0.005)


def test_the_adapter_has_as_many_numbers_as_peft_makes():
    """Rank 16 on 22 of 30 layers; the safetensors file of the lab's SFT run holds as many."""
    assert SMOL.adapter(LORA) == 22 * 16 * (2 * (576 + 576) + 2 * (576 + 192) + 3 * (576 + 1536)) == 3_581_952
    assert SMOL.adapter(LoraSettings(modules=("q_proj",), rank=2)) == 30 * 2 * 1152


@pytest.mark.parametrize(
    ("stage", "settings", "lengths", "measured_gb"),
    [("sft", SFTSettings(), SFT_ROWS, 1.95), ("dpo", DPOSettings(), PAIRS, 1.9)],
)
def test_estimated_memory_is_near_the_measured_peak(stage, settings, lengths, measured_gb):
    tight = QUIET._replace(free=5 * GB)  # as measured: 4-bit weights stayed packed
    found = estimate(stage, settings, SMOL, lengths, tight, LORA)
    assert measured_gb / 1.25 < found.memory_gb < measured_gb * 1.25


def test_estimated_minutes_are_near_the_measured_ones():
    found = estimate("sft", SFTSettings(), SMOL, SFT_ROWS, QUIET, LORA)
    assert found.steps == 321
    assert 467 / 60 / 1.5 < found.minutes < 467 / 60 * 1.5


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"settings": SFTSettings(batch_size=8)}, {}),
        ({"settings": SFTSettings(four_bit=False)}, {}),
        ({"lengths": [200] * 426}, {}),
        ({"lora": LoraSettings(rank=64)}, {"lora": LoraSettings()}),
        ({"lora": LoraSettings()}, {"lora": LoraSettings(frozen_share=0.5)}),
        ({}, {"settings": SFTSettings(optimiser="adamw_8bit")}),
        ({"stage": "dpo"}, {}),
    ],
)
def test_memory_grows_with_what_needs_it(more, less):
    usual = {"stage": "sft", "settings": SFTSettings(), "sizes": SMOL, "lengths": SFT_ROWS, "kind": "cpu", "lora": LORA}
    assert memory_needed(**{**usual, **more}) > memory_needed(**{**usual, **less})


def test_operations_count_each_pass():
    half = LoraSettings(frozen_share=0.5)
    settings = SFTSettings(epochs=1)
    per_token = operations("sft", settings, SMOL, [100], half) / 100
    assert per_token == 2 * (SMOL.in_layers * 1.5 + SMOL.table * 0.5 * 2)
    assert operations("sft", settings, SMOL, [600], half) == operations(
        "sft", settings, SMOL, [512], half
    )  # cut at max_length
    pair = operations("dpo", DPOSettings(epochs=1), SMOL, [100], half)
    assert pair == 200 * 2 * (SMOL.in_layers * 2.5 + SMOL.table * 3)


@pytest.mark.parametrize(
    ("free", "fits", "said", "mend"),
    [
        (8.0, True, "with 8.0 GB free", ""),
        (2.0, True, "tight", "set batch_size to 2 and accumulation to 2"),
        (1.0, False, "it cannot fit", "take a smaller model or a larger machine"),
        (None, True, "an unknown amount free", ""),
    ],
)
def test_what_is_said_of_the_memory(free, fits, said, mend):
    device = Device("cpu", free and free * GB, 1.3e11)
    found = estimate("sft", SFTSettings(), SMOL, SFT_ROWS, device, LORA)
    assert found.fits is fits and said in found.sentence and mend in found.mend
    assert bool(found.mend) is bool(mend)


@pytest.mark.parametrize(("free", "more"), [(4.0, 0.0), (8.0, 4 - NF4), (None, 0.0)])
def test_weights_that_a_roomy_cpu_unpacks_are_counted(free, more):
    settings = SFTSettings()
    needed = memory_needed("sft", settings, SMOL, SFT_ROWS, "cpu", LORA) + SMOL.in_layers * more
    found = estimate("sft", settings, SMOL, SFT_ROWS, Device("cpu", free and free * GB, 1.3e11), LORA)
    assert found.memory_gb == round(needed / GB, 2)


@pytest.mark.parametrize(
    ("stage", "settings", "free", "mend"),
    [
        ("sft", SFTSettings(batch_size=32), 2.6, "set batch_size to 4 and accumulation to 8"),
        ("sft", SFTSettings(four_bit=False, batch_size=16), 4.8, "set four_bit to True"),
        ("reward", RewardSettings(batch_size=16), 3.0, "set batch_size"),
        ("kto", KTOSettings(batch_size=32), 3.0, "set batch_size"),
    ],
)
def test_what_is_too_large_comes_with_a_change_that_fits(stage, settings, free, mend):
    device = Device("cpu", free * GB, 1.3e11)
    found = estimate(stage, settings, SMOL, SFT_ROWS, device, LORA)
    assert found.mend.startswith(mend), found
    words = found.mend.removeprefix("set ").replace(" to ", "=").split(" and ")
    change = {name: json.loads(value.lower()) for name, value in (word.split("=") for word in words)}
    changed = estimate(stage, settings.model_copy(update=change), SMOL, SFT_ROWS, device, LORA)
    assert changed.fits and "tight" not in changed.sentence


@pytest.mark.parametrize(
    ("memory", "name"), [(None, "cpu"), (8e9, "cpu"), (16.1e9, "t4"), (24.1e9, "24gb"), (85e9, "80gb")]
)
def test_the_preset_is_chosen_by_memory(memory, name):
    assert choose(memory).name == name


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_each_preset_fits_the_machines_it_is_meant_for(preset):
    settings = SFTSettings(**preset.settings())
    kind = "gpu" if preset.hub else "cpu"
    device = Device(kind, preset.from_memory or 5 * GB, 1e13)
    found = estimate("sft", settings, preset.sizes, [preset.max_length] * 100, device, settings.lora)
    assert found.fits and "tight" not in found.sentence, found.sentence


def test_an_unknown_preset_is_refused():
    with pytest.raises(LabError, match="Take one of cpu, t4, 24gb, 80gb"):
        named("tpu")


def test_tokens_of_rows(tmp_path):
    example = Example(id="e", prompt=[Message(role="user", content="a" * 40)], response="b" * 20)
    pair = {
        "prompt": [{"role": "user", "content": "a" * 40}],
        "chosen": [{"role": "assistant", "content": "b" * 20}],
        "rejected": [{"role": "assistant", "content": "c" * 80}],
    }
    thumb = {"prompt": "a" * 40, "completion": "b" * 4, "label": True}
    turn = module.TURN
    assert token_lengths("sft", [example], "hub/name") == [10 + 5 + 2 * turn]
    assert token_lengths("dpo", [pair, thumb], tmp_path) == [10 + 20 + 2 * turn, 10 + 1 + 2 * turn]


def test_the_samples_token_count_is_near_the_trainers():
    """The manifest of the lab's SFT run counts 29,151 tokens in these rows."""
    from labkit.training.base_model import embedded_dir

    if not (embedded_dir() / "tokenizer.json").exists():
        pytest.skip("the embedded model is not converted yet")
    rows, _ = read_rows(samples.path("support/train.jsonl"))
    counted = sum(token_lengths("sft", rows, embedded_dir()))
    assert len(rows) != 426 or counted == pytest.approx(29_151, rel=0.05)


def test_a_training_that_cannot_fit_is_refused_before_it_starts(tmp_path, monkeypatch, capsys):
    base = config(tmp_path)
    rows = [Example(id="e", prompt=[Message(role="user", content="a" * 40)], response="b" * 20)]
    monkeypatch.setattr(module, "here", lambda: Device("cpu", 0.5 * GB, 1e11))
    with pytest.raises(LabError, match=r"sft training: 3 steps, .* 0\.5 GB free: it cannot fit"):
        before_training("sft", SFTSettings(), base, rows)
    monkeypatch.setattr(module, "here", lambda: Device("cpu", 9 * GB, 1e11))
    found = before_training("sft", SFTSettings(), base, rows)
    assert found is not None and capsys.readouterr().out == f"sft: {found.sentence}.\n"
    assert before_training("sft", SFTSettings(), "some/hub-name", rows) is None


def test_this_machine_has_memory_and_speed():
    device = module.here()
    assert device.speed > 1e8 and (device.free is None or device.free > 1e8)


def test_the_verb_takes_a_preset_and_what_is_given_beside_it(tmp_path, monkeypatch, capsys):
    from labkit import cli
    from labkit.training import step

    data, seen = tmp_path / "rows.jsonl", []
    data.write_text('{"prompt": "a", "completion": "b"}\n')

    def stop(home, data, settings, base, name):
        seen.extend([settings, base])
        raise LabError("here", "stopped", "go on")

    monkeypatch.setattr(step, "fine_tune", stop)
    words = ["train", "sft", "--data", str(data), "--home", str(tmp_path / "home"), "--preset"]
    assert cli.run([*words, "24gb", "--batch-size", "1"]) == 2
    settings, base = seen
    assert base == "Qwen/Qwen2.5-7B-Instruct"
    assert (settings.batch_size, settings.accumulation, settings.learning_rate) == (1, 2, 2e-4)
    assert cli.run([*words, "tpu"]) == 2 and "preset tpu: is not known" in capsys.readouterr().err
