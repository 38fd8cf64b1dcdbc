"""Training rows from and to the formats other tools use. The lab itself works on :class:`labkit.records.Example`."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit import LabError
from labkit.files import Line, explain, malformed
from labkit.records import Example, Finding, Message, Pair, Provenance
from labkit.tables import records

Row = dict[str, Any]
_SPEAKERS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
}
# What other tools call the two halves of a row, and what goes with the question. The first name that a row has counts.
_QUESTION = ("instruction", "prompt", "question", "query", "user", "input")
_ANSWER = ("response", "output", "completion", "answer", "reply", "assistant", "target")
_EXTRA = ("input", "context")
_LAB = {"id", "prompt", "response"}
_CONSENT = ("given", "not_required", "unknown", "withdrawn")
_LONGEST_SLICE = 60
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,119}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def detect(row: Any) -> str | None:
    """Name of the format one row is in, or None."""
    if not isinstance(row, dict):
        return None
    keys = set(row)
    if keys >= _LAB and isinstance(row["prompt"], list):
        return "labkit"
    if "messages" in keys:
        return "openai"
    if "conversations" in keys:
        return "sharegpt"
    if "instruction" in keys and keys & {"output", "response"}:
        return "alpaca"
    if {"prompt", "completion"} <= keys:
        return "prompt_completion"
    question = _first(row, _QUESTION)
    return "pair" if question and _first(row, _ANSWER) else None


def _first(row: Row, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in row), None)


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{field} is {type(value).__name__}, not text")
    return value


def _turns(entries: Any, role: str, content: str) -> list[Message]:
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError("the conversation is no list of turns")
    turns = []
    for entry in entries:
        speaker = _text(entry.get(role), role)
        if speaker not in _SPEAKERS:
            raise ValueError(f"{role} {speaker[:40]!r} is none of {', '.join(_SPEAKERS)}")
        turns.append(Message(role=_SPEAKERS[speaker], content=_text(entry.get(content), content)))
    return turns


def _split(turns: list[Message]) -> tuple[list[Message], str]:
    if len(turns) < 2 or turns[-1].role != "assistant":
        raise ValueError("the conversation does not end with an answer of the assistant")
    return turns[:-1], turns[-1].content


def _openai(row: Row) -> tuple[list[Message], str]:
    return _split(_turns(row["messages"], "role", "content"))


def _sharegpt(row: Row) -> tuple[list[Message], str]:
    return _split(_turns(row["conversations"], "from", "value"))


def _pair(row: Row) -> tuple[list[Message], str]:
    question, answer = (_first(row, names) for names in (_QUESTION, _ANSWER))
    assert question and answer  # what detect() saw
    more = next((name for name in _EXTRA if name != question and row.get(name)), None)
    extra = f"\n\n{_text(row[more], more)}" if more else ""
    system = [Message(role="system", content=_text(row["system"], "system"))] if row.get("system") else []
    user = Message(role="user", content=_text(row[question], question) + extra)
    return [*system, user], _text(row[answer], answer)


def _prompt_completion(row: Row) -> tuple[list[Message], str]:
    prompt, completion = row["prompt"], row["completion"]
    if isinstance(prompt, str) and isinstance(completion, str):
        return _pair(row)
    turns = [Message(role="user", content=prompt)] if isinstance(prompt, str) else _turns(prompt, "role", "content")
    if isinstance(completion, str):
        return turns, completion
    return _split([*turns, *_turns(completion, "role", "content")])


_READERS: dict[str, Callable[[Row], tuple[list[Message], str]]] = {
    "openai": _openai,
    "sharegpt": _sharegpt,
    "alpaca": _pair,
    "prompt_completion": _prompt_completion,
    "pair": _pair,
}


def read_rows(path: str | Path) -> tuple[list[Example], list[Finding]]:
    """Read a file of training rows; its form and the format of each row are told by their content.

    Args:
        path: JSON Lines, a JSON array, CSV, TSV or Parquet, of lab examples, OpenAI ``messages``, ShareGPT
            ``conversations``, Alpaca, prompt/completion or question/answer rows.

    Returns:
        The good rows in file order, and one critical finding for each record that cannot be used. A repeated id is
        a finding too: every later stage finds rows by id. Halves of characters that no file can hold (lone
        surrogates) become U+FFFD, which the curation's check for text noise reports.

    Raises:
        LabError: the file cannot be read, or no row of it is in a known format; the message names the fields found.
    """
    path = Path(path)
    findings: list[Finding] = []
    unit, found = records(path)
    read = list(found)
    ours = any(detect(line.value) == "labkit" for line in read)
    examples = list(usable(path, unit, read, ours, findings))
    if not examples:
        what = findings[0].message.removeprefix(f"{path.name} ") if findings else "the file is empty of records"
        known = "lab examples, OpenAI messages, ShareGPT, Alpaca, prompt/completion or question/answer"
        raise LabError(str(path), f"holds no usable row ({what})", f"give it rows in one of these formats: {known}")
    return examples, findings


def usable(path: Path, unit: str, read: Iterable[Line], ours: bool, findings: list[Finding]) -> Iterator[Example]:
    """The good rows one by one, as :func:`read_rows` gives them; a finding for each other record goes into ``findings``."""
    seen: set[str] = set()
    for line in read:
        problem, mend = line.problem, line.mend
        if problem is None:
            try:
                example = _example(line.value, path, line.number, ours)
                if example.id in seen:
                    raise ValueError(f"id {example.id} was used before")
            except (ValueError, RecursionError) as error:
                problem, mend = _why(error), "see 'labkit schema example' for the fields a row needs"
        if problem is None:
            seen.add(example.id)
            yield example
        else:
            findings.append(_unusable(path, unit, line, problem, mend))


def _why(error: Exception) -> str:
    return explain(error) if isinstance(error, ValidationError) else str(error)


def _unusable(path: Path, unit: str, line: Line, problem: str, mend: str) -> Finding:
    """The finding for a record that is no row. It is certain: no later stage can read the record either."""
    finding = malformed(path, line.number, problem, mend)
    finding.tier, finding.where = "certain", "line"
    finding.message = _whole(f"{path.name} {unit} {line.number}: {problem}")
    finding.evidence = _whole(reprlib.repr(line.value)) if line.value is not None else ""
    return finding


def _whole(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _example(value: Any, path: Path, number: int, ours: bool = False) -> Example:
    kind = detect(value)
    if ours and kind in (None, "pair") and isinstance(value, dict) and len(_LAB & set(value)) > 1:
        kind = "labkit"  # in a file of lab rows it is a damaged one, not a row of another tool
    if kind is None:
        fields = ", ".join(str(key)[:40] for key in list(value)[:12]) if isinstance(value, dict) else "none"
        raise ValueError(f"the row is in no known format (its fields: {fields})")
    example = _converted(kind, value, path, number)
    try:
        example.model_dump_json()
    except ValueError:  # a lone surrogate, which no file can hold
        text = _whole(json.dumps(value, ensure_ascii=False, default=str))
        example = _converted(kind, json.loads(text), path, number)
    return example


def _converted(kind: str, row: Row, path: Path, number: int) -> Example:
    if kind == "labkit":
        return Example.model_validate(row)
    prompt, response = _READERS[kind](row)
    given = str(row.get("id", ""))
    return Example(
        id=given if _ID.fullmatch(given) else f"{kind}-{number}",
        domain="own",
        prompt=prompt,
        response=response,
        slices=_slices(row),
        provenance=_provenance(row, path),
    )


def _provenance(row: Row, path: Path) -> Provenance:
    given = {"licence": row.get("license"), **row}
    names = ("source", "owner", "licence", "collected_at")
    known: dict[str, Any] = {name: given[name] for name in names if isinstance(given.get(name), str)}
    known["source"] = known.get("source") or path.name
    consent = row.get("consent")
    return Provenance(**known, consent=consent if consent in _CONSENT else "unknown")


def _slices(row: Row) -> dict[str, str]:
    """The other short texts of a row, such as channel or region: what coverage is measured by."""
    used = {*_QUESTION, *_ANSWER, *_EXTRA, *_LAB, *Provenance.model_fields, "license", "system"}
    rest = {key: value for key, value in row.items() if key not in used and isinstance(value, str)}
    return {key: value for key, value in rest.items() if 0 < len(value) <= _LONGEST_SLICE}


def to_openai(example: Example) -> Row:
    """OpenAI fine-tuning JSONL; also what TRL calls ``messages``."""
    turns = [*example.prompt, Message(role="assistant", content=example.response)]
    return {"messages": [m.model_dump() for m in turns]}


def to_prompt_completion(example: Example) -> Row:
    """TRL's conversational prompt/completion."""
    answer = {"role": "assistant", "content": example.response}
    return {"prompt": [m.model_dump() for m in example.prompt], "completion": [answer]}


def to_sharegpt(example: Example) -> Row:
    """ShareGPT conversations."""
    names = {"user": "human", "assistant": "gpt"}
    turns = [*example.prompt, Message(role="assistant", content=example.response)]
    return {"conversations": [{"from": names.get(m.role, m.role), "value": m.content} for m in turns]}


def to_alpaca(example: Example) -> Row:
    """Alpaca instruction/input/output.

    Raises:
        LabError: the prompt has several user turns, which the format cannot hold.
    """
    users = [m.content for m in example.prompt if m.role == "user"]
    if len(users) != 1 or any(m.role in ("assistant", "tool") for m in example.prompt):
        raise LabError(
            f"row {example.id}", "has several turns, which Alpaca cannot hold", "export it as OpenAI messages"
        )
    system = " ".join(m.content for m in example.prompt if m.role == "system")
    return {"instruction": users[0], "input": "", "output": example.response, **({"system": system} if system else {})}


def to_argilla(pair: Pair) -> Row:
    """One record for an Argilla ranking question (fields, not settings)."""
    prompt = "\n".join(f"{m.role}: {m.content}" for m in pair.prompt)
    answers = {f"response-{i}": answer.text for i, answer in enumerate(pair.answers, 1)}
    return {"id": pair.id, "fields": {"prompt": prompt, **answers}}


def to_label_studio(pair: Pair) -> Row:
    """One Label Studio task for a pairwise template."""
    prompt = "\n".join(f"{m.role}: {m.content}" for m in pair.prompt)
    return {"data": {"id": pair.id, "prompt": prompt, **{f"answer{i}": a.text for i, a in enumerate(pair.answers, 1)}}}


def to_dataset(examples: Sequence[Example], form: Callable[[Example], Row] = to_prompt_completion) -> Any:
    """A ``datasets.Dataset`` in one of the row forms above."""
    from datasets import Dataset

    return Dataset.from_list([form(example) for example in examples])


def from_dataset(dataset: Any, source: str = "dataset") -> list[Example]:
    """Examples from a ``datasets.Dataset`` in any form :func:`detect` knows.

    Raises:
        LabError: naming the first row that is in none of them.
    """
    examples = []
    for number, row in enumerate(dataset, 1):
        try:
            examples.append(_example(dict(row), Path(source), number))
        except ValueError as error:
            raise LabError(f"{source} row {number}", _why(error), "use messages or prompt/completion") from error
    return examples
