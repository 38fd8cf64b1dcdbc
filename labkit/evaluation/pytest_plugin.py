"""A pytest plugin that judges recorded answers: one case of a suite, one test item. No model is needed.

``pytest --labkit-run RUN.jsonl --labkit-requirements requirements.yaml suites/`` collects every suite in the folder.
Items carry the case's severity, technique and requirement as markers (``-m "critical and boundary"``, ``-m REQ-S01``)
and as JUnit properties. Without ``--labkit-run`` the plugin does nothing; pytest loads it at every start, so whatever
is heavy is imported inside functions.

Evidence that does not fit is an error, never a pass: a stale or incomplete run ends the collection, a run that belongs
to no collected suite is a usage error, and a session in which no case was executed does not end with 0.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import pytest

from labkit import LabError

if TYPE_CHECKING:
    from labkit.records import Requirement, RunRecord, Verdict

_PROPERTIES = ("requirement", "severity", "technique")
_LONGEST_ANSWER = 500


class CaseFailed(AssertionError):
    """An answer does not meet its case; the message says in two lines what was expected and what was said."""


class Quarantined(NamedTuple):
    """A case that may fail for a known defect, up to and including a day."""

    case: str
    defect: str
    owner: str
    expires: datetime.date

    def expired(self, today: datetime.date) -> bool:
        """True from the day after ``expires`` on."""
        return today > self.expires

    def __str__(self) -> str:
        return f"{self.defect} ({self.owner}, until {self.expires})"


def load_quarantine(path: str | Path) -> dict[str, Quarantined]:
    """Read ``quarantine:`` and its list of ``{case, defect, owner, expires}`` into a dictionary by case.

    Raises:
        LabError: the file cannot be read, an entry lacks a key or has another one, or a case stands twice.
    """
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise LabError(str(path), f"is no YAML ({' '.join(str(error).split())})", "mend the file") from error
    entries = content.get("quarantine") if isinstance(content, dict) else None
    if not isinstance(entries, list) or len(content) > 1:
        raise LabError(str(path), "holds no quarantine", "start it with 'quarantine:' and a list, empty or not")
    found: dict[str, Quarantined] = {}
    for number, entry in enumerate(entries, 1):
        one = _entry(f"{path} entry {number}", entry)
        if one.case in found:
            raise LabError(f"{path} case {one.case}", "stands twice", "keep one entry a case")
        found[one.case] = one
    return found


def _entry(where: str, entry: Any) -> Quarantined:
    keys = Quarantined._fields
    if not isinstance(entry, dict) or set(entry) != set(keys) or not all(str(v or "").strip() for v in entry.values()):
        raise LabError(where, f"does not hold exactly {', '.join(keys)}", "nobody may be quarantined without them")
    try:
        expires = datetime.date.fromisoformat(str(entry["expires"]))
    except ValueError as error:
        raise LabError(where, f"'{entry['expires']}' is no day", "write it as 2026-12-31") from error
    return Quarantined(str(entry["case"]), str(entry["defect"]), str(entry["owner"]), expires)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the three options."""
    group = parser.getgroup("labkit", "labkit: judge recorded answers of a model")
    group.addoption(
        "--labkit-run", action="append", default=[], metavar="RUN", help="run records to judge; repeat for several"
    )
    group.addoption(
        "--labkit-requirements",
        metavar="FILE",
        help="requirements.yaml; by default the one beside each suite or one folder up",
    )
    group.addoption(
        "--labkit-quarantine", metavar="FILE", help="cases that may fail: a list of case, defect, owner, expires"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Wake up when runs are given."""
    if config.getoption("labkit_run"):
        try:
            config.pluginmanager.register(_Judging(config), "labkit-judging")
        except LabError as error:
            raise pytest.UsageError(_plain(error)) from error


class _Judging:
    """The hooks of a session that judges runs."""

    def __init__(self, config: pytest.Config):
        from labkit.files import read_strictly
        from labkit.records import RunRecord, Severity, Technique

        self.config = config
        self.records = [r for run in config.getoption("labkit_run") for r in read_strictly(run, RunRecord)]
        requirements, quarantine = (config.getoption(f"labkit_{name}") for name in ("requirements", "quarantine"))
        self.requirements = Path(requirements) if requirements else None
        self.quarantine = load_quarantine(quarantine) if quarantine else {}
        self.today = datetime.date.today()
        self.suites: set[str] = set()  # hashes of the files that were collected
        self.cases: set[str] = set()
        self.executed = 0
        self.markers: set[str] = set()
        self.register(get_args(Severity), "severity")
        self.register(get_args(Technique), "technique")

    def register(self, names: Iterable[str], what: str) -> None:
        """Tell pytest of markers; --strict-markers refuses those it does not know."""
        for name in names:
            if name not in self.markers and ":" not in name:  # pytest reads a colon as the end of the name
                self.markers.add(name)
                self.config.addinivalue_line("markers", f"{name}: {what} of a labkit case")

    def pytest_report_header(self) -> str:
        runs = dict.fromkeys(f"{r.model} run {r.variant}" for r in self.records)
        return _plain(f"labkit: {len(self.records)} recorded answers of {', '.join(runs)}")

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
        if file_path.suffix not in (".yaml", ".yml"):
            return None
        if not parent.session.isinitpath(file_path) and not _looks_like_a_suite(file_path):
            return None
        from labkit.files import sha256

        self.suites.add(sha256(file_path))
        node: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
        node.judging = self
        return node

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session) -> None:
        stray = next((r for r in self.records if r.made_by["suite"] not in self.suites), None)
        if stray is not None and not session.testsfailed:  # a suite that failed to load has told the better reason
            what = "belongs to none of the collected suites, or its suite has changed since"
            raise pytest.UsageError(_plain(LabError(f"record of case {stray.case_id}", what, "run the suite again")))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.executed += report.when == "call" and set(_PROPERTIES) <= set(dict(report.user_properties))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK and not self.executed and not self.config.option.collectonly:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        lines = [] if self.executed else ["no case was executed: nothing is known of this run"]
        for report in terminalreporter.getreports("xpassed"):
            if defect := dict(report.user_properties).get("quarantine"):
                lines.append(f"{report.nodeid} passes: {defect} may be mended, take the case out of quarantine")
        for entry in self.quarantine.values():
            if entry.expired(self.today):
                lines.append(f"{entry.case}: the quarantine for {entry} has expired")
            if self.cases and entry.case not in self.cases:
                lines.append(f"{entry.case}: is in quarantine for {entry}, but no collected suite holds it")
        if lines:
            terminalreporter.section("labkit")
            for line in lines:
                terminalreporter.write_line(_plain(line))


class SuiteFile(pytest.File):
    """A suite: one item for each case and run. It is judged whole, so incomplete evidence judges nothing."""

    judging: _Judging

    def collect(self) -> Iterator[CaseItem]:
        try:
            judged = self._judged()
        except LabError as error:
            raise self.CollectError(_plain(error)) from error
        runs = {(record.model, record.variant) for record, _ in judged}
        for record, verdict in judged:
            run = f"{record.model}-{record.variant}" if record.variant else record.model
            name = record.case_id if len(runs) == 1 else _plain(f"{record.case_id}[{run}]")
            item: CaseItem = CaseItem.from_parent(self, name=name)
            item.judge(record, verdict, self.judging)
            yield item

    def _judged(self) -> list[tuple[RunRecord, Verdict]]:
        from labkit.evaluation.judge import judge
        from labkit.evaluation.suite import load

        requirements = self._requirements()
        suite = load(self.path, requirements)
        self.judging.register(requirements, "requirement")
        self.judging.cases.update(case.id for case in suite.cases)
        records = [r for r in self.judging.records if r.made_by["suite"] == suite.sha256]
        if not records:
            what = "has no record in these runs, or has changed since they were made"
            raise LabError(f"suite '{suite.name}'", what, "run the suite and pass that run")
        verdicts = judge(records, suite, requirements)  # run by run, each in suite order
        by_key = {(r.model, r.variant, r.case_id): r for r in records}
        runs = dict.fromkeys((r.model, r.variant) for r in records)
        answered = [by_key[(*run, case.id)] for run, case in product(runs, suite.cases)]
        return list(zip(answered, verdicts, strict=True))

    def _requirements(self) -> dict[str, Requirement]:
        from labkit.evaluation.suite import load_requirements

        near = [folder / "requirements.yaml" for folder in (self.path.parent, self.path.parent.parent)]
        path = self.judging.requirements or next((p for p in near if p.is_file()), None)
        if path is None:
            raise LabError(str(self.path), "has no requirements.yaml near it", "name it with --labkit-requirements")
        return load_requirements(path)


class CaseItem(pytest.Item):
    """One recorded answer and its verdict."""

    def judge(self, record: RunRecord, verdict: Verdict, judging: _Judging) -> None:
        """Take the verdict over, with its markers and properties, and the case's quarantine if it has one."""
        self.record, self.verdict = record, verdict
        for name in _PROPERTIES:
            value = getattr(verdict, name)
            self.user_properties.append((name, value))
            self.extra_keyword_matches.add(value)
            if value in judging.markers:
                self.add_marker(value)
        entry = judging.quarantine.get(verdict.case_id)
        if entry and not entry.expired(judging.today):
            self.user_properties.append(("quarantine", entry.defect))
            self.add_marker(pytest.mark.xfail(reason=_plain(str(entry)), raises=CaseFailed, strict=False))

    def runtest(self) -> None:
        from labkit.evaluation.oracles import quote

        if not self.verdict.passed:
            said = quote(_plain(self.record.output), _LONGEST_ANSWER)
            raise CaseFailed(f"{_plain(self.verdict.message)}\nSaid: {said}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        return str(excinfo.value) if isinstance(excinfo.value, CaseFailed) else super().repr_failure(excinfo, *args)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


def _looks_like_a_suite(path: Path) -> bool:
    """A folder holds other YAML too; a file with a misspelt head still counts, so that it is told and not passed over."""
    return re.search(r"^(?:suite|cases)\s*:", path.read_text("utf-8-sig", errors="replace"), re.M) is not None


def _plain(text: object) -> str:
    from labkit.printable import plain

    return plain(str(text))
