"""Rules of the house that no reader should have to check by eye. Each rule is also shown a sample it must refuse."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "labkit").rglob("*.py"))
STAGES = [
    "curation", "labelling", "governance", "coverage", "training", "preference", "evaluation", "release", "feedback",
]  # fmt: skip
TOP = ["lesson", "commands", "cli"]
HEAVY = {
    "torch", "transformers", "trl", "peft", "unsloth", "datasets", "bitsandbytes", "accelerate", "tokenizers", "sklearn",
    "pandas", "pyarrow", "py3langid", "daft",
}  # fmt: skip


# --- versions ---------------------------------------------------------------------------------------------------------


def locked() -> dict[str, str]:
    """Name to version in requirements.lock, as Linux with Python 3.11 (conda's) sees it."""
    linux = {"python_version": "3.11", "python_full_version": "3.11.13", "sys_platform": "linux", "platform_machine": "x86_64"}
    found = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate(linux):
                found[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


def conda(text: str) -> dict[str, str]:
    """Name to version in environment.yml: its pip section, and the packages its comment installs without dependencies."""
    (pip,) = [entry["pip"] for entry in yaml.safe_load(text)["dependencies"] if isinstance(entry, dict)]
    pip += re.findall(r"\S+==\S+", re.search(r"^#\s+pip install --no-deps (.*)$", text, re.MULTILINE)[1])
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in map(Requirement, pip)}


def direct() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [project["optional-dependencies"][name] for name in ("train", "lab", "dev")]  # the lock holds these
    return [Requirement(r) for rs in (project["dependencies"], *extras) for r in rs]


def test_conda_users_get_the_locked_versions():
    lock, environment = locked(), conda((ROOT / "environment.yml").read_text())
    assert {name: version for name, version in environment.items() if lock.get(name) != version} == {}
    assert {canonicalize_name(r.name) for r in direct()} - set(environment) == set()


def test_the_lock_satisfies_the_project():
    lock = locked()
    assert [str(r) for r in direct() if not r.specifier.contains(lock[canonicalize_name(r.name)], prereleases=True)] == []


def test_the_lock_holds_only_versions():
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.match(r"[a-z0-9._-]+==\S+( ; .*)?$", line)] == []


# --- what is tracked --------------------------------------------------------------------------------------------------

# Spelt in parts, so that this file does not refuse itself.
FORBIDDEN = re.compile(
    "|".join([
        r"(?<![\w-])--(?:extra-)?index-" + r"url\b", r"--find-" + r"links\b", r"https?://\S+/simple" + r"\b", r"file:" + r"///",
        r"(?<![\w.~-])/(?:root|work|opt|Users)" + r"/\w", r"(?<![\w.~-])/home" + r"/[a-z_][\w.-]*/", r"[A-Z]:\\Users" + r"\\",
        r"/tmp/ipykernel" + r"_\d", r"(?<![\w.~-])/tmp" + r"/[\w.-]+/",
    ])
)  # fmt: skip


def tracked() -> list[Path]:
    """Files that git tracks or would track."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def addresses(text: str) -> list[str]:
    return [match[0] for match in FORBIDDEN.finditer(text)]


def test_no_index_addresses_or_machine_paths():
    found = {}
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8192] and (hits := addresses(data.decode("utf-8", "replace"))):
            found[path.relative_to(ROOT).as_posix()] = hits[:3]
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "--index-" + "url x", "https://host" + "/simple/", "file:" + "///x", "see /root" + "/x", '"/home' + '/ann/x"',
        "C:\\Users" + "\\ann", "/tmp/ipykernel" + "_12/3.py", "in /tmp" + "/copy/data/x.jsonl",
    ],
)  # fmt: skip
def test_such_an_address_is_found(text):
    assert addresses(text)


def test_ordinary_text_is_let_through():
    assert not addresses("--no-emit-index-url, https://github.com/home/x, simple / easy, data/root/x, ~/work/x, the /home page")


# --- imports ----------------------------------------------------------------------------------------------------------


def imports(path: Path, source: str, root: Path = ROOT) -> list[tuple[int, str]]:
    """Line and full name of everything a module imports, inside functions too."""
    found = []
    package = list(path.relative_to(root).parent.parts)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found.append((node.lineno, name))
            found += [(node.lineno, f"{name}.{alias.name}") for alias in node.names]
    return found


def height(name: str) -> int:
    """Where a labkit module stands: root modules 0, then the stages in order, then lesson, commands and cli."""
    part = [*name.split("."), ""][1]
    order = [*STAGES, *TOP]
    return order.index(part) + 1 if part in order else 0


def upward(path: Path, source: str, root: Path = ROOT) -> list[str]:
    own = ".".join(path.relative_to(root).with_suffix("").parts)
    names = [(line, name) for line, name in imports(path, source, root) if name.split(".")[0] == "labkit"]
    return [f"{own}:{line} imports {name}" for line, name in names if height(name) > height(own)]


def test_no_module_imports_a_later_stage():
    assert [line for path in MODULES for line in upward(path, path.read_text())] == []


@pytest.mark.parametrize(
    ("module", "source", "refused"),
    [
        ("training/sft.py", "def f():\n    from labkit.evaluation import judge", True),
        ("training/sft.py", "from labkit import evaluation", True),
        ("training/sft.py", "from ..release import gate", True),
        ("files.py", "import labkit.curation.rows", True),
        ("lesson/doctor.py", "from labkit.cli import app", True),
        ("training/sft.py", "from labkit.coverage import split\nfrom labkit.files import lines\nfrom . import x", False),
        ("cli.py", "from labkit.lesson import doctor", False),
    ],
)
def test_an_upward_import_is_found(module, source, refused):
    assert bool(upward(ROOT / "labkit" / module, source)) is refused


def eager(source: str) -> list[str]:
    """Heavy libraries imported when the module is, not inside a function."""
    pending: list[ast.AST] = list(ast.parse(source).body)
    found = []
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [name for name in names if name.split(".")[0] in HEAVY]
        pending.extend(ast.iter_child_nodes(node))
    return found


def test_heavy_libraries_are_imported_inside_functions():
    assert {str(path): names for path in MODULES if (names := eager(path.read_text()))} == {}


def test_an_eager_import_is_found():
    assert eager("try:\n    import torch.nn\nexcept ImportError: ...") == ["torch.nn"]
    assert eager("if TYPE_CHECKING:\n    import torch\ndef f():\n    import trl") == []


def before_unsloth(text: str) -> list[str]:
    """Imports of libraries that unsloth must patch first, where they come before it (or without it)."""
    early = re.split(r"^\s*import unsloth\b", text, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\s*(?:import|from)\s+(?:trl|transformers|peft)\b", early, re.MULTILINE)


def test_notebooks_import_unsloth_first():
    sources = sorted((ROOT / "notebooks").rglob("*.py"))
    assert {path.name: hits for path in sources if (hits := before_unsloth(path.read_text()))} == {}


def test_a_late_unsloth_is_found():
    assert before_unsloth("from trl import DPOTrainer\nimport unsloth")
    assert not before_unsloth("import unsloth\nfrom trl import DPOTrainer\nimport peft")


# --- size and speed ---------------------------------------------------------------------------------------------------


def test_modules_stay_short():
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    return time.perf_counter() - start


def test_importing_labkit_is_quick_and_leaves_torch_alone():
    code = "import labkit, sys; raise SystemExit('torch' in sys.modules)"
    took = statistics.median(seconds(code) - seconds("pass") for _ in range(3))
    assert took < 0.3


def test_command_line_help_works_without_heavy_libraries():
    code = (
        "import sys; from labkit import cli; code = cli.run(['--help']);"
        f"heavy = {sorted(HEAVY)!r}; raise SystemExit(code or [name for name in heavy if name in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "doctor" in done.stdout
