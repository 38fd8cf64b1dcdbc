"""Only what ipywidgets 7.7.1 (Colab) and 8.1.9 (JupyterLab) share is used: classes, and the arguments they are given.

What both know of styling stands here, from their documentation: an argument that one of them does not know is ignored by it
without a word. The sessions themselves run on both: their tests are run once more on 7.7.1, which make installs beside 8.1.9.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import ipywidgets
import pytest

ROOT = Path(__file__).resolve().parents[2]
COLAB = Path(sys.prefix) / "colab-widgets"
_SHARED = {"layout"}
_DESCRIBED = _SHARED | {"description", "style"}
_SELECTION = _DESCRIBED | {"options", "value", "index", "label", "disabled"}
COMMON = {
    "VBox": _SHARED | {"children", "box_style"},
    "HBox": _SHARED | {"children", "box_style"},
    "HTML": _DESCRIBED | {"value", "placeholder"},
    "Label": _DESCRIBED | {"value", "placeholder"},
    "Button": _DESCRIBED | {"tooltip", "icon", "button_style", "disabled"},
    "ToggleButtons": _SELECTION | {"tooltips", "icons", "button_style"},
    "Dropdown": _SELECTION,
    "SelectMultiple": _SELECTION | {"rows"},
    "Textarea": _DESCRIBED | {"value", "placeholder", "disabled", "rows", "continuous_update"},
    "Checkbox": _DESCRIBED | {"value", "disabled", "indent"},
    "IntProgress": _DESCRIBED | {"value", "min", "max", "bar_style", "orientation"},
    "Output": _SHARED,
    "Layout": {
        "width", "height", "min_width", "max_width", "min_height", "max_height", "display", "visibility", "overflow",
        "margin", "padding", "order", "flex", "flex_flow", "align_items", "align_self", "align_content",
        "justify_content", "grid_template_columns", "grid_gap",
    },
}  # fmt: skip
POSITIONAL = {"VBox": 1, "HBox": 1}
USERS = [path for path in sorted((ROOT / "labkit").rglob("*.py")) if "ipywidgets" in path.read_text()]


def strangers(source: str) -> list[str]:
    """What a module asks of ipywidgets that one of the two versions does not know."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ipywidgets":
            found.append(f"{node.lineno}: import the module, so that this test can read what is used of it")
        of_widgets = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "widgets"
        if of_widgets and node.attr not in COMMON:
            found.append(f"{node.lineno}: {node.attr}")
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "widgets" and node.func.attr in COMMON:
            name = node.func.attr
            odd = [key.arg for key in node.keywords if key.arg is not None and key.arg not in COMMON[name]]
            found += [f"{node.lineno}: {name}({argument}=)" for argument in odd]
            if len(node.args) > POSITIONAL.get(name, 0):
                found.append(f"{node.lineno}: {name} takes named arguments")
    return found


@pytest.mark.parametrize("path", USERS, ids=lambda path: path.stem)
def test_cards_use_what_both_versions_know(path):
    assert strangers(path.read_text()) == []


@pytest.mark.skipif(not COLAB.exists(), reason="Colab's ipywidgets is not installed; make check installs it")
def test_sessions_work_on_the_ipywidgets_of_colab():
    views = [str(path) for path in sorted((ROOT / "tests" / "unit").glob("test_*view.py"))]
    assert len(views) >= 3
    program = f"""
import sys, ipywidgets, pytest
assert ipywidgets.__version__ == "7.7.1", ipywidgets.__version__
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *{views!r}]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(COLAB)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout


def test_there_are_cards():
    assert {"view", "triage_view"} <= {path.stem for path in USERS}


@pytest.mark.parametrize(
    "source",
    [
        "widgets.Stack([])", "widgets.TagsInput()", "widgets.Button(tabbable=True)", "widgets.HTML(tooltip='x')",
        "widgets.Layout(border_top='1px')", "from ipywidgets import Button", "widgets.Button('Save')",
    ],
)  # fmt: skip
def test_what_only_one_version_knows_is_found(source):
    assert strangers(source)


@pytest.mark.parametrize("name", COMMON)
def test_the_list_holds_nothing_that_the_installed_version_lacks(name):
    assert COMMON[name] <= set(getattr(ipywidgets, name).class_trait_names())
