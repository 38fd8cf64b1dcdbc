"""Exports without a model: what is refused before the work, and a Modelfile that renders what the chat template renders."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
from jinja2 import Environment

from labkit import LabError, samples
from labkit.evaluation import export_check
from labkit.evaluation.export_check import faithful, prompts
from labkit.evaluation.suite import load
from labkit.stats import wilson
from labkit.training import export as module
from labkit.training.export import Check, default_system, export, modelfile, read_export

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMOL = "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are a lamp.<|im_end|>\n{% endif %}" + CHATML
LLAMA = "{% for m in messages %}[{{ m.role }}] {{ m.content }}</s>{% endfor %}"


def tokenizer(template):
    rendered = Environment(keep_trailing_newline=True).from_string(template)
    return SimpleNamespace(
        apply_chat_template=lambda messages, tokenize, **more: rendered.render(messages=messages, **more)
    )


def go(template, messages):
    """Renders the few Go constructs that the Modelfile uses, by the rules of text/template."""
    head, turn, tail = re.fullmatch(
        r"(?s)(?:\{\{ if not \.System \}\}(.*?)\{\{ end \}\})?\{\{ range \.Messages \}\}(.*?)\{\{ end \}\}(.*)",
        template,
    ).groups()
    assert "{{" not in (head or "") + tail
    system = any(m["role"] == "system" for m in messages)
    said = [turn.replace("{{ .Role }}", m["role"]).replace("{{ .Content }}", m["content"]) for m in messages]
    return ("" if system else head or "") + "".join(said) + tail


CONVERSATIONS = [
    [("user", "Hello")],
    [("system", "Be brief.\nVery."), ("user", "Hello")],
    [("user", "Hello"), ("assistant", "Yes?"), ("user", 'a """ b {{ c }}')],
]


@pytest.mark.parametrize("template", [CHATML, SMOL])
@pytest.mark.parametrize("turns", CONVERSATIONS)
def test_the_modelfile_renders_what_the_chat_template_renders(monkeypatch, tmp_path, template, turns):
    import transformers

    same = tokenizer(template)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda folder: same)
    text = modelfile(tmp_path)
    assert text.startswith("FROM ./model.gguf\n") and "\nPARAMETER stop <|im_end|>\n" in text
    messages = [{"role": role, "content": content} for role, content in turns]
    written = re.search(r'(?s)TEMPLATE """(.*)"""\n', text)[1]
    assert go(written, messages) == same.apply_chat_template(messages, False, add_generation_prompt=True)


def test_the_default_system_message_is_found():
    assert default_system(tokenizer(SMOL)) == "You are a lamp."
    assert default_system(tokenizer(CHATML)) == ""


@pytest.mark.parametrize("template", [LLAMA, "<s>" + CHATML, CHATML.replace("m.role", "m.role | upper")])
def test_a_template_that_is_not_chatml_is_refused(template):
    with pytest.raises(LabError, match="not ChatML"):
        default_system(tokenizer(template))


def finished_adapter(folder, **changes):
    from labkit.files import sha256
    from labkit.training.adapter import Manifest

    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    manifest = Manifest(
        kind="sft", base="some-base", base_sha256="", data_sha256="", settings={}, rows_in=1, rows_trained=1,
        rows_dropped={}, weights_sha256=sha256(folder / "adapter_model.safetensors"),
    )  # fmt: skip
    (folder / "manifest.json").write_text(manifest.model_copy(update=changes).model_dump_json())
    return folder


@pytest.mark.parametrize(
    ("given", "changes", "said"),
    [
        ({"to": "onnx"}, {}, "is not known. Take merged or gguf or ollama or vllm"),
        ({"tensors": "q2"}, {}, "is not known"),
        ({"out": "used"}, {}, "is not empty"),
        ({"base": "elsewhere"}, {"base_sha256": "0" * 64}, "was trained on some-base, not on elsewhere"),
        ({}, {"kind": "reward"}, "is a reward model"),
    ],
)
def test_what_is_refused_before_the_work(tmp_path, given, changes, said):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    adapter = finished_adapter(tmp_path / "adapter", **changes)
    arguments = {"to": "merged", "base": "b", **given, "out": tmp_path / given.get("out", "new")}
    with pytest.raises(LabError, match=re.escape(said)):
        export(adapter, **arguments)
    assert not (tmp_path / "new").exists()


def test_a_failed_export_leaves_nothing_behind(tmp_path, monkeypatch):
    def broken(base, adapter, out):
        out.mkdir()
        (out / "half").touch()
        raise LabError("merge", "failed", "mend it")

    monkeypatch.setattr(module, "merge", broken)
    with pytest.raises(LabError, match="failed"):
        export(finished_adapter(tmp_path / "adapter"), tmp_path / "out", base="b")
    assert [p.name for p in tmp_path.iterdir()] == ["adapter"]


def test_an_export_says_what_it_is_and_notices_a_changed_file(tmp_path, monkeypatch):
    def merge(base, adapter, out):
        out.mkdir()
        (out / "model.safetensors").write_bytes(b"weights")
        return out

    monkeypatch.setattr(module, "merge", merge)
    made = export(finished_adapter(tmp_path / "adapter"), tmp_path / "out", "vllm", base="b")
    assert read_export(tmp_path / "out") == made
    assert (made.to, made.tensors, sorted(made.files)) == ("vllm", "float16", ["SERVE.md", "model.safetensors"])
    assert json.loads((tmp_path / "out" / "export.json").read_text())["check"] is None
    assert "--served-model-name some-base-sft" in (tmp_path / "out" / "SERVE.md").read_text()
    (tmp_path / "out" / "model.safetensors").write_bytes(b"others")
    with pytest.raises(LabError, match="is not the file that was exported"):
        read_export(tmp_path / "out")
    with pytest.raises(LabError, match="is no export"):
        read_export(tmp_path)


def test_prompts_are_spread_over_the_suite():
    suite = load(samples.path("support/suites/support.yaml"))
    asked = prompts(suite)
    assert len(asked) == 20 and len(prompts(suite, 10_000)) == len(suite.cases)
    known = {id(case.given): case.requirement for case in suite.cases}
    assert len({known[id(given)] for given in asked}) >= 10


@pytest.mark.parametrize(
    ("same", "stopped", "before", "good"),
    [(20, 20, 20, True), (18, 19, 19, True), (17, 20, 20, False), (20, 3, 20, False)],
)
def test_what_counts_as_faithful(same, stopped, before, good):
    check = Check(
        agreement=wilson(same, 20), stopped=wilson(stopped, 20), adapter_stopped=wilson(before, 20), prompts_sha256=""
    )
    assert faithful(check) is good


def test_a_check_without_prompts_or_of_another_adapter_is_refused(tmp_path, monkeypatch):
    def merge(base, adapter, out):
        out.mkdir()
        return out

    monkeypatch.setattr(module, "merge", merge)
    adapter = finished_adapter(tmp_path / "adapter")
    export(adapter, tmp_path / "out", base="b")
    with pytest.raises(LabError, match="has no prompts"):
        export_check.check_export(adapter, tmp_path / "out", [], "b")
    asked = prompts(load(samples.path("support/suites/support.yaml")))
    (adapter / "adapter_model.safetensors").write_bytes(b"another")
    from labkit.files import sha256

    manifest = json.loads((adapter / "manifest.json").read_text())
    manifest["weights_sha256"] = sha256(adapter / "adapter_model.safetensors")
    (adapter / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LabError, match="was not made from"):
        export_check.check_export(adapter, tmp_path / "out", asked, "b")


@pytest.mark.parametrize(("same", "code", "said"), [(20, 0, "20/20 = 100%"), (12, 1, "Not faithful")])
def test_the_verb_ends_with_the_checks_verdict(tmp_path, monkeypatch, capsys, same, code, said):
    from labkit import cli

    check = Check(agreement=wilson(same, 20), stopped=wilson(20, 20), adapter_stopped=wilson(20, 20), prompts_sha256="")
    given = []
    made = SimpleNamespace(to="gguf", tensors="f16", files={"model.gguf": ""})
    monkeypatch.setattr(module, "export", lambda *arguments: (given.append(arguments), made)[1])
    monkeypatch.setattr(export_check, "check_export", lambda adapter, folder, asked, base: check)
    out = tmp_path / "out"
    assert cli.run(["export", "adapter", "--out", str(out), "--to", "gguf", "--tensors", "f16"]) == code
    assert said in capsys.readouterr().out
    assert [str(value) for value in given[0]] == ["adapter", str(out), "gguf", "None", "f16"]
