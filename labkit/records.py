"""The data contracts of the lab. Every stage reads and writes these, one JSON object a line.

``labkit schema NAME`` prints the JSON Schema of any of them. Field words follow ISTQB (requirement, severity, verdict)
and TRL / Hugging Face (prompt, chosen, rejected).
"""

from __future__ import annotations

from operator import not_
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from labkit.contract import Message as Message
from labkit.contract import Provenance as Provenance
from labkit.contract import Record as Record
from labkit.contract import Role as Role
from labkit.contract import question as question

Severity = Literal["critical", "major", "minor", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the worst first
Technique = Literal["MFT", "INV", "DIR", "boundary", "pairwise", "property", "adversarial", "back-to-back"]
Tier = Literal["certain", "likely", "review"]
Place = Literal["prompt", "response", "slices", "provenance", "line"]
Outcome = Literal["a", "b", "both_good", "both_bad", "skip", "ranked"]


class Example(Record):
    """One training row: a prompt (system and context included) and the response it should get."""

    id: str
    domain: str = "customer_support"
    prompt: list[Message] = Field(min_length=1)
    response: str
    requirements: list[str] = Field(default_factory=list)
    slices: dict[str, str] = Field(default_factory=dict)
    provenance: Provenance = Field(default_factory=lambda: Provenance(source="unknown"))
    split: Literal["train", "held_out"] | None = None

    @property
    def question(self) -> str:
        """What near-duplicate search and splits compare."""
        return question(self.prompt)

    @property
    def asked(self) -> str:
        """The last user message whole, context lines included."""
        return next((m.content for m in reversed(self.prompt) if m.role == "user"), "")

    @property
    def system(self) -> str:
        """The first system message, or nothing."""
        return next((m.content for m in self.prompt if m.role == "system"), "")


class Finding(Record):
    """A defect report on a row. Every check of every stage returns these; nothing is dropped without one.

    ``where`` names the field that the evidence stands in and that ``span`` counts characters of; ``prompt`` is the last
    user message. ``repair`` holds the proposed new text of a field: to accept a finding means to apply its repair, or
    to drop the row when there is none. Only findings of the tier ``certain`` may be accepted in bulk.
    """

    id: str
    row_id: str
    check: str
    severity: Severity
    tier: Tier = "likely"
    message: str
    evidence: str = ""
    where: Place = "response"
    span: tuple[int, int] | None = None
    suggestion: str = ""
    repair: dict[Literal["prompt", "response"], str] = Field(default_factory=dict)
    score: float | None = None
    other_row: str | None = None
    status: Literal["open", "accepted", "rejected"] = "open"
    decided_by: str | None = None
    decided_at: str | None = None


class Decision(Record):
    """One event of the append-only triage log: what somebody decided about a finding.

    A later event on the same finding supersedes an earlier one; ``undo`` opens the finding again.
    """

    id: str
    finding: str
    row_id: str
    decided_by: str
    action: Literal["accept", "reject", "fix", "undo"]
    fix: dict[Literal["prompt", "response"], str] = Field(default_factory=dict)
    note: str = ""
    at: str = ""


class Planted(Record):
    """One defect that was put into sample data on purpose, or a look-alike that is none (then a finding is wrong)."""

    row: str
    kind: str
    sub: str = ""
    severity: Severity = "major"
    where: Place = "response"
    span: tuple[int, int] | None = None
    evidence: str = ""
    other_row: str | None = None
    triage: Literal["drop", "repair", "mask", "review", "keep"] = "drop"
    lookalike: bool = False
    half: Literal["dev", "test"]
    made: Literal["rule", "hand"] = "hand"
    note: str = ""


class Label(Record):
    """What one annotator said of one row, under which version of the guideline.

    In a log a later event supersedes an earlier one by naming its id; ``undo`` withdraws that label without a new one.
    """

    row_id: str
    annotator: str
    guideline: str
    value: str
    seconds: float | None = None
    id: str | None = None
    note: str = ""
    at: str = ""
    supersedes: str | None = None
    undo: bool = False


class Answer(Record):
    """One candidate answer in a comparison; ``source`` stays hidden from the annotator."""

    text: str
    source: str


class Pair(Record):
    """A prompt with two or more candidate answers, to be ranked."""

    id: str
    requirement: str | None = None
    prompt: list[Message] = Field(min_length=1)
    answers: list[Answer] = Field(min_length=2, max_length=4)


class Ranking(Record):
    """One event of the append-only ranking log.

    ``left`` and ``right`` are indices into the pair's answers as they were shown; ``outcome`` "a" means the left one.
    Of three or four answers these are the outermost, ``shown`` names all, and ``ranks`` the rank of each (1 is best,
    equal numbers tie). A later event supersedes an earlier one by naming its id; ``undo`` withdraws without a new
    judgement. ``adjudicated`` marks the word of the person who settles disputes.
    """

    id: str
    pair: str
    annotator: str
    left: int
    right: int
    outcome: Outcome | Literal["undo"]
    # Left out of a file where they hold nothing: a log of pairs keeps the bytes, and so the hash, it always had.
    shown: list[int] = Field(default_factory=list, exclude_if=not_)
    ranks: list[int] = Field(default_factory=list, exclude_if=not_)
    adjudicated: bool = Field(default=False, exclude_if=not_)
    tags: list[str] = Field(default_factory=list)
    note: str = ""
    seconds: float | None = None
    at: str = ""
    supersedes: str | None = None

    @model_validator(mode="after")
    def _ranks_fit(self) -> Ranking:
        outermost = [self.shown[0], self.shown[-1]] if self.shown else [self.left, self.right]
        if outermost != [self.left, self.right] or len(set(self.shown)) < len(self.shown):
            raise ValueError("'shown' names every answer once, from 'left' to 'right'")
        if (self.outcome == "ranked") != bool(self.ranks) or len(self.ranks) not in (0, len(self.shown)):
            raise ValueError("an outcome 'ranked' has one of 'ranks' for each answer in 'shown', any other has none")
        if any(rank < 1 for rank in self.ranks):
            raise ValueError("ranks count from 1, the best")
        return self


class Requirement(Record):
    """A testable statement about the product, with its risk."""

    id: str
    text: str
    likelihood: int = Field(ge=1, le=5)
    impact: int = Field(ge=1, le=5)
    severity: Severity
    kind: str = "policy"
    refs: list[str] = Field(default_factory=list)

    @property
    def risk(self) -> int:
        """Likelihood x impact, 1-25."""
        return self.likelihood * self.impact


class Case(Record):
    """One test case: a prompt and the oracles its answer must satisfy (all of them)."""

    id: str
    requirement: str
    technique: Technique
    given: list[Message] = Field(min_length=1)
    expect: list[dict[str, Any]] = Field(min_length=1)
    seed: str | None = None  # the case this one is a variant of

    @property
    def cluster(self) -> str:
        """Seed case id: variants of one case are not independent observations."""
        return self.seed or self.id

    @model_validator(mode="after")
    def _one_oracle_an_entry(self) -> Case:
        if any(len(entry) != 1 for entry in self.expect):
            raise ValueError("each entry of 'expect' holds exactly one oracle, as in '- facts: [45 days]'")
        return self


class Likelihood(Record):
    """How likely a model finds one text as the answer to a case: log-probability in nats, summed over its tokens.

    ``bare`` is the same with the question alone, without system message and context lines, so that the difference of the
    two is what the context adds.
    """

    text: str
    logprob: float
    bare: float


class RunRecord(Record):
    """What one model answered to one case, with the hashes of everything that made the answer.

    Judging reads these and needs no model. Times lie in the run's ``.meta.json`` so that equal runs are equal bytes.
    """

    case_id: str
    model: str
    variant: int = 0
    prompt: str
    output: str
    tokens: int
    finish: Literal["stop", "length", "error"]
    logprob: float | None = None
    likelihoods: list[Likelihood] = Field(default_factory=list, exclude_if=not_)  # of the texts that the case compares
    made_by: dict[str, str]

    @model_validator(mode="after")
    def _hashes_present(self) -> RunRecord:
        missing = {"model", "suite", "template"} - set(self.made_by)
        if missing:
            raise ValueError(f"made_by lacks {', '.join(sorted(missing))}")
        return self


class Verdict(Record):
    """The judgement of one run record."""

    case_id: str
    requirement: str
    severity: Severity
    technique: Technique
    cluster: str
    model: str
    passed: bool
    score: float
    message: str
    evidence: str = ""


class Feedback(Record):
    """One entry of the deployed log after triage, and what it became."""

    id: str
    prompt: list[Message] = Field(min_length=1)
    answer: str
    thumb: Literal["up", "down"] | None = None
    comment: str = ""
    at: str = ""
    triage: Literal["new_row", "new_case", "changed_requirement", "no_action"] | None = None
    decided_by: str | None = None


_ALL = (Example, Finding, Decision, Planted, Label, Pair, Ranking, Requirement, Case, RunRecord, Verdict, Feedback)
CONTRACTS: dict[str, type[Record]] = {contract.__name__.lower(): contract for contract in _ALL}
