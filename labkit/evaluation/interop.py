"""Suites for other tools: a task for lm-eval, a configuration for promptfoo, and an honest list of what does not travel.

Where the other tool has an equal check, it is used. All other oracles are reached through a small Python file beside the
export that imports labkit, so they judge there as they judge here; they are counted. What compares two answers
(``consistent``, ``moves``) or reads likelihoods (``prefers``) has no place in either tool: it is left out and named.

Formats: lm-eval 0.4 (task YAML with ``generate_until``, ``doc_to_text``, ``filter_list``, ``!function``), promptfoo's
``promptfooconfig.yaml`` (assertions of the type ``equals``, ``regex``, ``icontains``, ``is-json``, ``python``).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from labkit import LabError, __version__
from labkit.evaluation.registry import ORACLES
from labkit.evaluation.suite import Suite, prompt_text
from labkit.files import write_jsonl, write_text
from labkit.records import Case

HELPER = "labkit_oracles.py"
_HELPER = '''"""Judges answers with the oracles of labkit, which must be installed (pip install labkit)."""

import json

from labkit.evaluation import oracles  # noqa: F401  (fills the registry)
from labkit.evaluation.registry import Said, apply


def judge(oracle, expected, answer, told):
    outcome = apply(oracle, expected, Said(answer, told))
    return {"pass": outcome.passed, "score": outcome.score, "reason": outcome.message}


def process_results(doc, results):
    """lm-eval: a case is passed when all its oracles pass."""
    expect = json.loads(doc["expect"])
    found = [judge(name, expected, results[0], doc["told"]) for entry in expect for name, expected in entry.items()]
    return {"passed": float(all(one["pass"] for one in found))}


def get_assert(output, context):
    """promptfoo: one assertion is one oracle."""
    asked = context["config"]
    return judge(asked["oracle"], json.loads(asked["expected"]), output, asked["told"])
'''


@dataclass(frozen=True)
class Export:
    """What was written, and what did not travel.

    Attributes:
        files: in the order they were written; the first one is what the other tool is given.
        cases: how many cases the export holds.
        by_labkit: expectations by oracle that the other tool has no equal of, and leaves to labkit.
        left_out: what is missing, each with case and reason.
    """

    files: list[Path]
    cases: int
    by_labkit: dict[str, int]
    left_out: list[str]

    def text(self) -> str:
        """The summary in plain lines."""
        own = ", ".join(f"{name} ({n})" for name, n in sorted(self.by_labkit.items()))
        lines = [f"{self.cases} cases in {self.files[0]}"]
        lines += [f"judged by labkit itself, not portable: {own}"] if own else []
        return "\n".join([*lines, *(f"left out: {what}" for what in self.left_out)])


class _Function(str):
    """A reference that lm-eval reads as ``!function file.name``."""


class _Dumper(yaml.SafeDumper):
    """Texts with line breaks as blocks, references to functions with their tag, repeated parts spelt out."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(_Function, lambda dumper, data: dumper.represent_scalar("!function", str(data)))


def _yaml(content: Mapping[str, Any], head: str) -> str:
    return head + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _asked(case: Case) -> tuple[str, str] | None:
    """System and user message of a case that is nothing more than these two."""
    roles = [m.role for m in case.given]
    if roles not in (["user"], ["system", "user"]):
        return None
    return ("" if len(roles) == 1 else case.given[0].content), case.given[-1].content


def _travels(case: Case, left_out: list[str]) -> list[tuple[str, Any]]:
    """The expectations of a case that a tool with one answer at a time can judge; the others are named."""
    if _asked(case) is None:
        left_out.append(f"{case.id} (a conversation of several turns)")
        return []
    kept = []
    for entry in case.expect:
        [(name, expected)] = entry.items()
        if name not in ORACLES:
            left_out.append(f"{case.id}: {name} (looks at more than one answer, or at likelihoods)")
        elif not ORACLES[name].__module__.startswith("labkit."):
            left_out.append(f"{case.id}: {name} (an oracle of your own, unknown to an installed labkit)")
        else:
            kept.append((name, expected))
    return kept


def to_lm_eval(suite: Suite, folder: str | Path) -> Export:
    """Write a suite as a task of lm-eval: ``NAME.yaml``, ``NAME.jsonl`` and the file that judges.

    Run it in the folder: ``lm_eval --include_path . --tasks NAME --apply_chat_template``; the system message is the task's
    description, which lm-eval puts into the system turn. The metric ``passed`` is the share of passed cases.

    Raises:
        LabError: no case of the suite travels.
    """
    folder, name = Path(folder), _name(suite)
    left_out: list[str] = []
    rows, own = [], Counter[str]()
    for case in suite.cases:
        if expect := _travels(case, left_out):
            system, asked = _asked(case) or ("", "")
            own.update(oracle for oracle, _ in expect)
            rows.append(
                {
                    "id": case.id,
                    "system": system,
                    "question": asked,
                    "told": prompt_text(case),
                    "expect": json.dumps([{oracle: expected} for oracle, expected in expect], ensure_ascii=False),
                    "requirement": case.requirement,
                    "technique": case.technique,
                    "cluster": case.cluster,
                }
            )
    if not rows:
        raise LabError(suite.name, "holds no case that lm-eval could judge", "export a suite with other oracles")
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "output_type": "generate_until",
        "description": "{{system}}",
        "doc_to_text": "{{question}}",
        "doc_to_target": "",
        "num_fewshot": 0,
        "generation_kwargs": {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": 64},
        "filter_list": [{"name": "first", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}],
        "process_results": _Function(f"{HELPER.removesuffix('.py')}.process_results"),
        "metric_list": [{"metric": "passed", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": suite.version, "suite_sha256": suite.sha256, "labkit": __version__},
    }
    files = [
        write_text(folder / f"{name}.yaml", _yaml(task, _head(suite))),
        write_jsonl(folder / f"{name}.jsonl", rows),
        write_text(folder / HELPER, _HELPER),
    ]
    return Export(files, len(rows), dict(own), left_out)


def to_promptfoo(suite: Suite, file: str | Path, provider: str = "openai:chat:model-under-test") -> Export:
    """Write a suite as a configuration of promptfoo, and the file that judges beside it.

    Args:
        suite: the cases.
        file: usually ``promptfooconfig.yaml``.
        provider: promptfoo's id of the model under test.

    Raises:
        LabError: no case of the suite travels.
    """
    file = Path(file)
    left_out: list[str] = []
    tests, own = [], Counter[str]()
    for case in suite.cases:
        if not (expect := _travels(case, left_out)):
            continue
        checks: list[dict[str, Any]] = []
        for oracle, expected in expect:
            if equal := _equal(oracle, expected):
                checks += equal
            else:
                own[oracle] += 1
                config = {
                    "oracle": oracle,
                    "expected": json.dumps(expected, ensure_ascii=False),
                    "told": prompt_text(case),
                }
                checks.append({"type": "python", "value": f"file://{HELPER}", "config": config})
        system, asked = _asked(case) or ("", "")
        tests.append(
            {
                "description": case.id,
                "vars": {"system": _raw(system), "question": _raw(asked)},
                "assert": checks,
                "metadata": {"requirement": case.requirement, "technique": case.technique, "cluster": case.cluster},
            }
        )
    if not tests:
        raise LabError(suite.name, "holds no case that promptfoo could judge", "export a suite with other oracles")
    system_turn = '{% if system %}{"role": "system", "content": {{system | dump}}}, {% endif %}'
    content = {
        "description": f"{suite.name}, version {suite.version} ({suite.sha256[:12]})",
        "prompts": [f'[{system_turn}{{"role": "user", "content": {{{{question | dump}}}}}}]'],
        "providers": [{"id": provider, "config": {"temperature": 0, "max_tokens": 64}}],
        "tests": tests,
    }
    written = write_text(file, _yaml(content, _head(suite)))
    files = [written, write_text(file.parent / HELPER, _HELPER)] if own else [written]
    return Export(files, len(tests), dict(own), left_out)


def _equal(oracle: str, expected: Any) -> list[dict[str, Any]] | None:
    """The assertions of promptfoo that accept and reject the same answers; None where there are none."""
    texts = expected if isinstance(expected, list) else [expected]
    if oracle == "equals":  # promptfoo's own "equals" minds spacing, ours does not
        return [{"type": "regex", "value": r"^\s*" + r"\s+".join(map(_literal, str(expected).split())) + r"\s*$"}]
    if oracle == "equals_json" and isinstance(expected, dict | list):
        return [{"type": "equals", "value": expected}]
    if oracle == "json_schema":
        speaks_of_keys = {"required", "properties"} & set(expected)
        return [{"type": "is-json", "value": {"type": "object", **expected} if speaks_of_keys else expected}]
    # A regular expression of Python that ignores case has no twin there; a plain phrase has.
    if oracle in ("matches", "forbids") and all(re.fullmatch(r"[\w ,:'-]+", str(text)) for text in texts):
        kind = "icontains" if oracle == "matches" else "not-icontains"
        return [{"type": kind, "value": str(text)} for text in texts]
    return None


def _literal(word: str) -> str:
    return re.sub(r"([.*+?^${}()|\[\]\\/])", r"\\\1", word)


def _raw(text: str) -> str:
    """A text that promptfoo's templates leave as it is, even where it holds their brackets."""
    return f"{{% raw %}}{text}{{% endraw %}}" if re.search(r"\{[{%#]", text) else text


def _name(suite: Suite) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", f"labkit_{suite.name}")


def _head(suite: Suite) -> str:
    return f"# Written by labkit {__version__} from suite {_name(suite)}, version {suite.version}; change the suite, not this.\n"
