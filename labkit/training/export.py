"""A trained adapter in the forms that other programs serve: merged weights, GGUF, an Ollama folder, a vLLM folder.

Each is written to a scratch folder and renamed whole, with ``export.json`` in it: what it was made from, a hash of each
file, and, once :func:`labkit.evaluation.export_check.check_export` has run, whether it answers like the adapter.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel

from labkit import LabError
from labkit.files import sha256, write_text
from labkit.home import versions
from labkit.stats import Rate
from labkit.training.adapter import base_hash, merge, read_manifest
from labkit.training.base_model import END_OF_TURN, embedded_model
from labkit.training.gguf_export import Tensors, write_gguf

Target = Literal["merged", "gguf", "ollama", "vllm"]
GGUF_FILE = "model.gguf"


class Check(BaseModel):
    """Greedy answers of the export beside those of the adapter on its base model."""

    agreement: Rate  # same answer, letter for letter
    stopped: Rate  # of the export's answers: ended by themselves
    adapter_stopped: Rate
    prompts_sha256: str


class Exported(BaseModel):
    """What an export is; lies in it as ``export.json``."""

    to: Target
    base: str
    base_sha256: str
    adapter_sha256: str
    tensors: str
    files: dict[str, str]
    versions: dict[str, str]
    check: Check | None = None


def export(
    adapter: Path, out: Path, to: Target = "merged", base: str | Path | None = None, tensors: Tensors = "q8_0"
) -> Exported:
    """Write an adapter and its base model in one of the forms.

    Args:
        adapter: folder of a finished adapter.
        out: folder to make; it must not hold anything yet.
        to: merged (float16 safetensors), vllm (the same, and how to serve it), gguf, ollama (GGUF and a Modelfile).
        base: the model it was trained on; the embedded one by default.
        tensors: precision of GGUF matrices; merged and vllm are always float16.

    Raises:
        LabError: the target is unknown, the folder is in use, the base is not the adapter's, or the model or its chat
            template is of a kind that the target cannot hold.
    """
    if to not in get_args(Target) or tensors not in get_args(Tensors):
        raise LabError(f"--to {to} --tensors {tensors}", "is not known", f"take {' or '.join(get_args(Target))}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LabError(str(out), "is not empty", "name a new folder")
    base = base or embedded_model()
    manifest = read_manifest(adapter)
    if manifest.base_sha256 and manifest.base_sha256 != base_hash(base):
        raise LabError(str(adapter), f"was trained on {manifest.base}, not on {base}", "name its base with --base")
    if manifest.kind == "reward":
        raise LabError(
            str(adapter), "is a reward model, which scores answers and writes none", "export sft, dpo or kto"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        folder = scratch / "export"
        merged = merge(base, adapter, folder if to in ("merged", "vllm") else scratch / "merged")
        folder.mkdir(exist_ok=True)
        _finish(to, merged, folder, f"{manifest.base}-{manifest.kind}", tensors)
        made = Exported(
            to=to,
            base=manifest.base,
            base_sha256=manifest.base_sha256,
            adapter_sha256=manifest.weights_sha256,
            tensors=tensors if to in ("gguf", "ollama") else "float16",
            files={file.name: sha256(file) for file in sorted(folder.iterdir())},
            versions=versions(),
        )
        save(made, folder)
        if out.exists():
            out.rmdir()  # empty, as seen above
        folder.rename(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return made


def save(made: Exported, folder: Path) -> None:
    """Write ``export.json``."""
    write_text(folder / "export.json", made.model_dump_json(indent=1) + "\n")


def _finish(to: Target, merged: Path, folder: Path, name: str, tensors: Tensors) -> None:
    """What each form has beyond the merged weights."""
    if to == "vllm":
        write_text(folder / "SERVE.md", SERVE.format(name=name))
    if to in ("gguf", "ollama"):
        write_gguf(merged, folder / GGUF_FILE, name, tensors)
    if to == "ollama":
        write_text(folder / "Modelfile", modelfile(merged))


SERVE = """# Serving this folder with vLLM

    vllm serve . --served-model-name {name} --dtype float16 --override-generation-config '{{"temperature": 0}}'

vLLM reads the end of turn from generation_config.json and the chat template from this folder. Without the last option it
samples at temperature 1; the lab judged this model on greedy answers.
"""


def modelfile(merged: Path) -> str:
    """An Ollama Modelfile for ``model.gguf`` beside it: the model's own chat template as a Go template, and its stop.

    Raises:
        LabError: the chat template is not ChatML, the one form written here.
    """
    from transformers import AutoTokenizer

    default = default_system(AutoTokenizer.from_pretrained(str(merged)))
    opening = "{{ if not .System }}" + _turn("system", default) + "{{ end }}" if default else ""
    turns = "{{ range .Messages }}" + _turn("{{ .Role }}", "{{ .Content }}") + "{{ end }}"
    return (
        f"FROM ./{GGUF_FILE}\n"
        f'TEMPLATE """{opening}{turns}<|im_start|>assistant\n"""\n'
        f"PARAMETER stop {END_OF_TURN}\n"
        "PARAMETER temperature 0\n"
    )


def _turn(role: str, content: str) -> str:
    return f"<|im_start|>{role}\n{content}{END_OF_TURN}\n"


def default_system(tokenizer: Any) -> str:
    """What the chat template says as the system where a conversation has no system message; often nothing.

    Found by rendering conversations, not by reading the template, and checked on others.

    Raises:
        LabError: the template is not ChatML.
    """

    def rendered(*turns: tuple[str, str]) -> str:
        messages = [{"role": role, "content": content} for role, content in turns]
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def chatml(*turns: tuple[str, str]) -> str:
        return "".join(_turn(*turn) for turn in turns) + "<|im_start|>assistant\n"

    short = (("user", "one"),)
    long = (("system", "zero"), *short, ("assistant", "two"), ("user", "three"))
    opening = rendered(*short).removesuffix(chatml(*short))
    start, end = "<|im_start|>system\n", f"{END_OF_TURN}\n"
    default = opening.removeprefix(start).removesuffix(end)
    if rendered(*long) != chatml(*long) or opening not in ("", f"{start}{default}{end}") or '"""' in default:
        raise LabError(
            "chat template", "is not ChatML, the one form written to a Modelfile", "take --to gguf or merged"
        )
    return default


def read_export(folder: str | Path) -> Exported:
    """Read an export's ``export.json`` and make sure that its files are the ones it speaks of.

    Raises:
        LabError: there is none, or a file was changed.
    """
    folder = Path(folder)
    note = folder / "export.json"
    if not note.is_file():
        raise LabError(str(folder), "is no export (no export.json)", "make one with 'labkit export'")
    made = Exported.model_validate(json.loads(note.read_text("utf-8")))
    changed = [
        name for name, known in made.files.items() if not (folder / name).is_file() or sha256(folder / name) != known
    ]
    if changed:
        raise LabError(str(folder / changed[0]), "is not the file that was exported", "export the adapter again")
    return made
