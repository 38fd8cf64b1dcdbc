"""Training rows from and to the formats other tools use. The lab itself works on :class:`labkit.records.Example`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit import LabError
from labkit.files import explain, lines, malformed
from labkit.records import Example, Finding, Message, Pair, Provenance

Row = dict[str, Any]
_SPEAKERS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
}


def detect(row: Any) -> str | None:
    """Name of the format one row is in, or None."""
    if not isinstance(row, dict):
        return None
    keys = set(row)
    if {"id", "prompt", "response"} <= keys:
        return "labkit"
    if "messages" in keys:
        return "openai"
    if "conversations" in keys:
        return "sharegpt"
    if "instruction" in keys and keys & {"output", "response"}:
        return "alpaca"
    if {"prompt", "completion"} <= keys:
        return "prompt_completion"
    return None


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
            raise ValueError(f"{role} {speaker!r} is none of {', '.join(_SPEAKERS)}")
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


def _alpaca(row: Row) -> tuple[list[Message], str]:
    question = _text(row["instruction"], "instruction")
    extra = _text(row.get("input") or "", "input")
    system = [Message(role="system", content=_text(row["system"], "system"))] if row.get("system") else []
    user = Message(role="user", content=f"{question}\n\n{extra}" if extra else question)
    return [*system, user], _text(row.get("output", row.get("response")), "output")


def _prompt_completion(row: Row) -> tuple[list[Message], str]:
    prompt, completion = row["prompt"], row["completion"]
    turns = [Message(role="user", content=prompt)] if isinstance(prompt, str) else _turns(prompt, "role", "content")
    if isinstance(completion, str):
        return turns, completion
    return _split([*turns, *_turns(completion, "role", "content")])


_READERS: dict[str, Callable[[Row], tuple[list[Message], str]]] = {
    "openai": _openai,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "prompt_completion": _prompt_completion,
}


def read_rows(path: str | Path) -> tuple[list[Example], list[Finding]]:
    """Read a JSON Lines file of training rows; the format is told row by row.

    Args:
        path: lab examples, OpenAI ``messages``, ShareGPT ``conversations``, Alpaca or prompt/completion rows.

    Returns:
        The good rows in file order, and one critical finding for each line that cannot be used. A repeated id is
        a finding too: every later stage finds rows by id.

    Raises:
        LabError: the file cannot be read, or no row of it is in a known format.
    """
    path = Path(path)
    examples: list[Example] = []
    findings: list[Finding] = []
    seen: set[str] = set()
    for line in lines(path):
        problem, mend = line.problem, line.mend
        if problem is None:
            kind = detect(line.value)
            try:
                if kind is None:
                    raise ValueError("the row is in no known format")
                example = _example(kind, line.value, path, line.number)
                if example.id in seen:
                    raise ValueError(f"id {example.id} was used before")
                seen.add(example.id)
                examples.append(example)
                continue
            except ValidationError as error:
                problem, mend = explain(error), "see 'labkit schema example'"
            except ValueError as error:
                problem, mend = str(error), "see 'labkit schema example' for the fields a row needs"
        findings.append(malformed(path, line.number, problem, mend))
    if not examples:
        what = findings[0].message.split(": ", 1)[1] if findings else "the file is empty"
        known = "lab examples, OpenAI messages, ShareGPT, Alpaca or prompt/completion"
        raise LabError(str(path), f"holds no usable row ({what})", f"write one JSON object a line: {known}")
    return examples, findings


def _example(kind: str, row: Row, path: Path, number: int) -> Example:
    if kind == "labkit":
        return Example.model_validate(row)
    prompt, response = _READERS[kind](row)
    identity = row["id"] if isinstance(row.get("id"), str) else f"{kind}-{number}"
    return Example(id=identity, domain="own", prompt=prompt, response=response, provenance=Provenance(source=path.name))


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
        kind = detect(row)
        if kind is None:
            raise LabError(f"{source} row {number}", "is in no known format", "use messages or prompt/completion")
        examples.append(_example(kind, dict(row), Path(source), number))
    return examples
