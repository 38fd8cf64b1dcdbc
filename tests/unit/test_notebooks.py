"""Every notebook has the parts of a lesson, and what is committed is what its source builds."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from labkit.lesson.course import Course
from labkit.lesson.exercises import exercises

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("notebooks_build", ROOT / "notebooks" / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)

SOURCES = build.sources()
KB = 1024
HEAVY = r"^\s*(?:import|from)\s+(?:torch|trl|transformers|peft)\b"
UNSLOTH = r"^\s*(?:import unsloth\b|(?:\w+ = )?unsloth\(\))"
each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
each_built = pytest.mark.parametrize("path", list(map(build.built, SOURCES)), ids=lambda path: path.stem)

Cell = tuple[str, str]


def cells(notebook) -> list[Cell]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def bullets(text: str) -> list[str]:
    return re.findall(r"^[-*] (.+)$", text, re.MULTILINE)


def code_lines(source: str) -> int:
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in source.splitlines())


def flaws(lesson: list[Cell]) -> list[str]:
    """What a lesson lacks."""
    prose = [text for kind, text in lesson if kind == "markdown"]
    code = [text for kind, text in lesson if kind == "code"]
    first_code = next((i for i, (kind, _) in enumerate(lesson) if kind == "code"), 0)
    head = "\n".join(text for _, text in lesson[:first_code])
    objectives = bullets(re.split(r"QA parallel", head)[0].partition("bjectives")[2])
    recap = next((text for text in prose if re.match(r"#+ .*recap", text, re.I)), "")
    done = bullets(recap)
    quiz = next((i for i, (_, text) in enumerate(lesson) if re.match(r"#+ .*quiz", text, re.I)), len(lesson))
    asked = "\n".join(text for _, text in lesson[quiz:])
    cards = set(re.findall(r"(\w+)\.card\(\)", "\n".join(code)))
    checked = set(re.findall(r"(\w+)\.check\(", "\n".join(code)))
    long = [code_lines(text) for text in code if code_lines(text) > 8]
    parts = {
        "a title": head.startswith("# "),
        "a badge under the title": bool(re.search(r"^(`|!\[|\[!\[|<img)", head, re.MULTILINE)),
        "three objectives or more": len(objectives) >= 3,
        "the QA parallel": "QA parallel" in head,
        "the minutes": bool(re.search(r"\bminutes?\b", head)),
        "a setup cell first": bool(code) and "Course(" in code[0] and code_lines(code[0]) <= 6,
        "an exercise": bool(cards),
        "a check for each card": cards <= checked,
        "a recap of what we did": bool(done) and all(text.startswith("We ") for text in done),
        "as many points in the recap as objectives": len(done) == len(objectives),
        "three quiz questions": max(asked.count(".answer("), asked.count("quiz(")) == 3,
        "what comes next": "next" in prose[-1].lower() if prose else False,
        "cells of 8 lines": len(long) <= 2 and all(lines <= 10 for lines in long),
        "one path for learner and test": not re.search(r"\bif (not )?TEST|environ.*\bCI\b|PYTEST", "\n".join(code)),
    }
    return [part for part, there in parts.items() if not there]


def before_unsloth(code: str) -> list[str]:
    """Imports that unsloth must come before, where it does not."""
    early = re.split(UNSLOTH, code, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(HEAVY, early, re.MULTILINE)


def test_there_are_notebooks():
    assert {"00_start_here", "01_why_fine_tune", "06_instruction_tuning"} <= {source.stem for source in SOURCES}


@each
def test_a_lesson_has_all_its_parts(source):
    assert flaws(cells(build.read(source))) == []


@each
def test_unsloth_is_imported_first(source):
    assert before_unsloth("\n".join(text for kind, text in cells(build.read(source)) if kind == "code")) == []


@each
def test_links_between_notebooks_lead_somewhere(source):
    known = {build.built(path).name for path in SOURCES}
    links = re.findall(r"\]\(([^)#:]+\.ipynb)[)#]", source.read_text())
    assert {Path(link).name for link in links} - known == set()


@each
def test_requirements_and_cases_named_in_a_lesson_exist(source, tmp_path):
    course = Course(home=tmp_path)
    known = {case.id for suite in course.suites.values() for case in suite.cases} | set(course.requirements)
    assert set(re.findall(r"\b(?:REQ-S\d+|S\d\d-\d\d)\b", source.read_text())) - known == set()


@each
def test_output_is_ignored_only_where_it_may_differ(source):
    code = [cell for cell in build.read(source).cells if cell.cell_type == "code"]
    tags = [set(cell.metadata.get("tags", [])) for cell in code]
    assert set().union(*tags) <= {"nbval-ignore-output"}  # a skipped cell would not run at all
    assert sum(map(bool, tags)) <= 0.6 * len(code), "most of a notebook is to be compared"


@each
def test_exercises_used_are_exercises_that_exist(source):
    book = exercises(source.stem[:2])
    assert set(book) == set(re.findall(r"(\w+)\.card\(\)", source.read_text()))


@each
def test_inputs_equal_the_source(source):
    assert build.difference(source) == ""


@each_built
def test_a_built_notebook_is_executed_and_small(path):
    assert path.exists(), "run 'make notebooks'"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), "some cell was not run"
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs and all(output.output_type != "error" for output in outputs)
    assert "widgets" not in notebook.metadata and "widget-view" not in path.read_text()
    assert path.stat().st_size <= 300 * KB
    assert {i: len(str(c.outputs)) for i, c in enumerate(code) if any(len(str(o)) > 40 * KB for o in c.outputs)} == {}


# --- the rules see what they must refuse ------------------------------------------------------------------------------

HEAD = "# 99 Title\n`lab`\n\n**Objectives**\n- a\n- b\n- c\n\n**QA parallel** x\n\n**Time** 5 minutes"
LESSON = [
    ("markdown", HEAD),
    ("code", "course = Course()"),
    ("code", "task.card()\ntask.check(1)"),
    ("markdown", "## Recap\n- We a\n- We b\n- We c"),
    ("markdown", "## Quiz"),
    *[("code", "QUIZ[0].answer(____)")] * 3,
    ("markdown", "**Next:** 07"),
]


def changed(old: str, new: str) -> list[Cell]:
    return [(kind, text.replace(old, new)) for kind, text in LESSON]


def test_a_whole_lesson_passes():
    assert flaws(LESSON) == []


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("# 99", "99", "a title"),
        ("`lab`", "", "a badge under the title"),
        ("- b\n", "", "three objectives or more"),
        ("QA parallel", "In QA", "the QA parallel"),
        ("5 minutes", "short", "the minutes"),
        ("course = Course()", "import os", "a setup cell first"),
        ("task.card()", "", "an exercise"),
        ("task.check", "other.check", "a check for each card"),
        ("- We b", "- You b", "a recap of what we did"),
        ("- We c", "", "as many points in the recap as objectives"),
        ("QUIZ[0].answer(____)", "", "three quiz questions"),
        ("**Next:**", "", "what comes next"),
        ("task.card()", "task.card()" + "\nx = 1" * 10, "cells of 8 lines"),
        ("course = Course()", "if TEST: course = Course()", "one path for learner and test"),
    ],
)
def test_a_lesson_that_lacks_a_part_is_found(old, new, missing):
    assert missing in flaws(changed(old, new))


def test_an_early_import_is_found():
    assert before_unsloth("from labkit.training.backend import unsloth\nimport torch\nunsloth()")
    assert not before_unsloth("from labkit.training.backend import unsloth\n_ = unsloth()\nimport torch")


# --- build.py ---------------------------------------------------------------------------------------------------------


def stream(name: str, text: str) -> dict:
    return {"output_type": "stream", "name": name, "text": text}


def test_a_source_always_builds_the_same_cells(tmp_path):
    source = tmp_path / "01_x.py"
    source.write_text('# %% [markdown]\n# Text\n\n# %% tags=["nbval-ignore-output"]\nx = 1\n\n# %%\nx\n\n# %%\nx\n')
    first, second = build.read(source), build.read(source)
    assert build.inputs(first) == build.inputs(second)
    assert len({cell.id for cell in first.cells}) == 4
    assert first.cells[1].metadata == {"tags": ["nbval-ignore-output"]}
    nbformat.validate(first)


def test_check_tells_changed_and_missing_notebooks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    source = tmp_path / "source" / "01_x.py"
    source.parent.mkdir()
    source.write_text("# %%\nx = 1\n")
    assert build.main(["--check"]) == 1 and "is not built yet" in capsys.readouterr().out
    nbformat.write(build.read(source), build.built(source))
    assert build.main(["--check"]) == 0 and capsys.readouterr().out == ""
    for later in ("# %%\nx = 2\n", '# %% tags=["nbval-ignore-output"]\nx = 1\n', "# %%\nx = 1\n\n# %%\nx\n"):
        source.write_text(later)
        assert build.main(["--check", "01"]) == 1 and "differs from its source" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no notebook '02'; there are 01_x"):
        build.sources(["02"])


def test_progress_bars_shrink_to_their_last_line():
    text = (
        "Loading weights:   0%|   | 0/272 [00:00<?, ?it/s]\rLoading weights: 100%|###| 272/272 [00:00<00:00, 656.69it/s]\n"
        "a warning\nfirst:   0%|   | 0/2 [00:00<?, ?step/s]\rfirst: 100%|###| 2/2 [00:04<00:00, 2.00s/step]\n"
        "\rlast:   0%|   | 0/12 [00:00<?, ?step/s]\rlast:  50%|#  | 6/12 [00:30<00:30]\r"
        "last: 100%|###| 12/12 [01:00<00:00, 5.00s/step, loss=0.1]\n"
    )
    assert build.collapse(text) == "a warning\nlast: 100%|###| 12/12 [01:00<00:00, 5.00s/step, loss=0.1]\n"
    assert len(build.collapse(f"x: 100%|{'#' * 500}| 2/2 [00:02<00:00]")) <= build.LONGEST_BAR + 1
    assert build.collapse("") == "" and build.collapse("two\nlines\n") == "two\nlines\n"


def test_outputs_are_joined_and_hold_no_path_of_this_machine():
    places = {"/lab": "lab-home", "/lab/code": ".", "/h": "~"}
    view = {
        "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
        "text/plain": "VBox()",
        "image/png": "A/lab/B",
    }
    found = build.tidy(
        [
            stream("stdout", "one\n"),
            stream("stderr", "/lab/code/x.py: careful\n"),
            stream("stdout", "/lab/training and /labs, /h/me and ~/h\n"),
            {"output_type": "display_data", "data": view, "metadata": {}},
            stream("stdout", "in /tmp/ipykernel_" + "12/34.py\n"),
        ],
        places,
    )
    assert found == [
        stream("stderr", "./x.py: careful\n"),
        stream("stdout", "one\nlab-home/training and /labs, ~/me and ~/h\n"),
        {"output_type": "display_data", "data": {"text/plain": "VBox()", "image/png": "A/lab/B"}, "metadata": {}},
        stream("stdout", "in this cell\n"),
    ]


@pytest.mark.slow
def test_a_source_is_executed_and_a_failing_one_leaves_the_notebook_alone(tmp_path):
    """In a process of its own: the kernel inherits the environment."""
    source = tmp_path / "source" / "01_x.py"
    source.parent.mkdir()
    source.write_text(
        "# %%\nimport os\nfrom pathlib import Path\n\nprint(Path(os.environ['LAB_HOME']).resolve() / 'x')\n"
    )
    code = (
        f"import importlib.util as u, pathlib, sys; s = u.spec_from_file_location('b', {str(ROOT / 'notebooks/build.py')!r})\n"
        "b = u.module_from_spec(s); s.loader.exec_module(b); b.FOLDER = pathlib.Path(sys.argv[1]); sys.exit(b.main([]))"
    )

    def go() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)

    assert go().returncode == 0
    made = (tmp_path / "01_x.ipynb").read_text()
    (cell,) = nbformat.reads(made, as_version=4).cells
    assert cell.outputs[0].text == "lab-home/x\n" and cell.execution_count == 1 and "execution" not in cell.metadata
    source.write_text("# %%\nraise ValueError('no')\n")
    failed = go()
    assert failed.returncode == 1 and "ValueError" in failed.stderr
    assert (tmp_path / "01_x.ipynb").read_text() == made
