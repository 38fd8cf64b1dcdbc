"""Rankings to and from Argilla and Label Studio, for teams that outgrow a notebook.

Argilla: records with fields, and responses to a ranking question (``Record.to_dict`` of its Python SDK; ties by equal
``rank``). Label Studio: tasks with annotations of a ``Pairwise`` tag, or of a ``Ranker`` with one bucket a rank (its task
format). Both tools show answers in a fixed order, so their judgements say nothing about position bias.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit.files import explain, malformed
from labkit.formats import to_argilla, to_label_studio
from labkit.preference.events import effective
from labkit.records import Finding, Pair, Ranking
from labkit.tables import records

Row = dict[str, Any]
_BOTH = {"both_good": "good", "both_bad": "bad"}
_OUTCOMES = {value: key for key, value in _BOTH.items()}
_LABELS = {"both_good": "both good", "both_bad": "both bad"}
_TEXTS = '  <Text name="prompt" value="$prompt"/>'
_MORE = """  <Choices name="tags" toName="prompt" choice="multiple"/>
  <TextArea name="note" toName="prompt"/>
</View>"""
PAIRWISE = f"""<View>
{_TEXTS}
  <Pairwise name="pair" toName="answer1,answer2"/>
  <Text name="answer1" value="$answer1"/>
  <Text name="answer2" value="$answer2"/>
  <Choices name="both" toName="prompt"><Choice value="both good"/><Choice value="both bad"/></Choices>
{_MORE}
"""
RANKER = f"""<View>
{_TEXTS}
  <List name="answers" value="$items"/>
  <Ranker name="rank" toName="answers">
{"".join(f'    <Bucket name="rank-{n}" title="Rank {n}"/>{chr(10)}' for n in range(1, 5))}  </Ranker>
{_MORE}
"""


def _ranks(event: Ranking, answers: int) -> list[int]:
    """The rank of each answer by its index; both good and both bad are a tie."""
    if event.outcome == "ranked":
        by_answer = dict(zip(event.shown, event.ranks, strict=True))
        return [by_answer[i] for i in range(answers)]
    best = {"a": event.left, "b": event.right}.get(event.outcome)
    return [1 if best in (None, i) else 2 for i in range(answers)]


def _by_pair(pairs: Sequence[Pair], rankings: Iterable[Ranking]) -> list[tuple[Pair, list[Ranking]]]:
    said: dict[str, list[Ranking]] = {pair.id: [] for pair in pairs}
    for event in effective(rankings):
        if event.pair in said:
            said[event.pair].append(event)
    return [(pair, said[pair.id]) for pair in pairs]


def argilla(pairs: Sequence[Pair], rankings: Iterable[Ranking] = ()) -> list[Row]:
    """Records for a dataset with a ranking question ``ranking`` over ``response-1`` and so on.

    Where pairs may be both good or both bad it also needs a label question ``both`` (good, bad); ``tags`` is a
    multi-label and ``note`` a text question. Skips are left out: to Argilla they are unanswered.
    """
    rows = []
    for pair, events in _by_pair(pairs, rankings):
        responses: dict[str, list[Row]] = {}
        for event in events:
            if event.outcome == "skip":
                continue
            ranked = _ranks(event, len(pair.answers))
            value = [{"value": f"response-{i}", "rank": rank} for i, rank in enumerate(ranked, 1)]
            answers: Row = {"ranking": sorted(value, key=lambda one: one["rank"]), "both": _BOTH.get(event.outcome)}
            for question, given in {**answers, "tags": event.tags, "note": event.note}.items():
                if given:
                    responses.setdefault(question, []).append({"value": given, "user_id": event.annotator})
        rows.append({**to_argilla(pair), "responses": responses})
    return rows


def label_studio(pairs: Sequence[Pair], rankings: Iterable[Ranking] = ()) -> list[Row]:
    """Tasks for the labelling interface :data:`PAIRWISE`, or :data:`RANKER` where there are three or four answers."""
    rows = []
    for pair, events in _by_pair(pairs, rankings):
        task = to_label_studio(pair)
        if len(pair.answers) > 2:
            task["data"]["items"] = [
                {"id": f"answer{i}", "title": f"Answer {i}", "body": answer.text}
                for i, answer in enumerate(pair.answers, 1)
            ]
        rows.append({**task, "annotations": [_annotation(event, len(pair.answers)) for event in events]})
    return rows


def _annotation(event: Ranking, answers: int) -> Row:
    ranks, result = _ranks(event, answers), []
    if event.outcome == "ranked":
        buckets = {f"rank-{n}": [f"answer{i}" for i, r in enumerate(ranks, 1) if r == n] for n in sorted(set(ranks))}
        result.append({"from_name": "rank", "to_name": "answers", "type": "ranker", "value": {"ranker": buckets}})
    elif event.outcome in ("a", "b"):
        selected = {"selected": "left" if ranks[0] == 1 else "right"}
        result.append({"from_name": "pair", "to_name": "answer1,answer2", "type": "pairwise", "value": selected})
    chosen = {"both": [_LABELS[event.outcome]] if event.outcome in _LABELS else [], "tags": event.tags}
    for name, values in chosen.items():
        if values:
            result.append({"from_name": name, "to_name": "prompt", "type": "choices", "value": {"choices": values}})
    if event.note:
        result.append({"from_name": "note", "to_name": "prompt", "type": "textarea", "value": {"text": [event.note]}})
    made = {"completed_by": event.annotator, "result": result, "was_cancelled": event.outcome == "skip"}
    return {**made, "lead_time": event.seconds, "created_at": event.at}


def read_rankings(path: str | Path, pairs: Sequence[Pair]) -> tuple[list[Ranking], list[Finding]]:
    """Ranking events from a file that Argilla or Label Studio has exported; which of them is told by its content.

    Args:
        path: JSON Lines or a JSON array.
        pairs: what was ranked; found again by the id that the export carried.

    Returns:
        The events, and one finding for each record or answer that cannot be used.

    Raises:
        LabError: the file cannot be read.
    """
    known = {pair.id: pair for pair in pairs}
    events: list[Ranking] = []
    findings: list[Finding] = []
    path = Path(path)
    for line in records(path)[1]:
        row, problem = line.value, line.problem
        try:
            if problem is None:
                pair = known.get(_id(row))
                if pair is None:
                    raise ValueError(f"{_id(row)[:40]!r} is no pair of the list")
                found = _from_argilla(row) if "fields" in row else _from_label_studio(row)
                made = [_event(pair, who, said, len(events) + n) for n, (who, said) in enumerate(found, 1)]
                events += made
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            why = explain(error) if isinstance(error, ValidationError) else f"{type(error).__name__}: {error}"
            problem = f"no ranking that can be read ({why[:120]})"
        if problem:
            findings.append(malformed(path, line.number, problem, "export it again, with the pairs' ids in it"))
    return events, findings


def _id(row: Any) -> str:
    if not isinstance(row, dict):
        raise ValueError("the record is no object")
    return str(row["id"] if "fields" in row else row.get("data", {}).get("id"))


def _from_argilla(row: Row) -> list[tuple[str, Row]]:
    """What each user said: ranks by answer, both, tags, note."""
    said: dict[str, Row] = {}
    for question, responses in (row.get("responses") or {}).items():
        for response in responses:
            said.setdefault(str(response["user_id"]), {})[question] = response["value"]
    for own in said.values():
        order = own.pop("ranking", None)
        if order is None:
            raise ValueError("an answer without a ranking")
        # The SDK gives the values in their order, the server gives each of them its rank.
        pairs = [(v, n) if isinstance(v, str) else (v["value"], v.get("rank", n)) for n, v in enumerate(order, 1)]
        own["ranks"] = {int(name.removeprefix("response-")) - 1: int(rank) for name, rank in pairs}
    return list(said.items())


def _from_label_studio(row: Row) -> list[tuple[str, Row]]:
    found = []
    for annotation in row.get("annotations") or []:
        own: Row = {"seconds": annotation.get("lead_time"), "at": annotation.get("created_at") or ""}
        own["skip"] = bool(annotation.get("was_cancelled"))
        for result in annotation.get("result") or []:
            value, name = result["value"], result["from_name"]
            if result["type"] == "pairwise":
                own["ranks"] = {0: 1, 1: 2} if value["selected"] == "left" else {0: 2, 1: 1}
            elif result["type"] == "ranker":
                ranked = value["ranker"]
                if isinstance(ranked, dict):  # the bucket "_" holds what was left without a rank
                    groups = [ranked[key] for key in sorted(ranked) if key != "_"]
                else:
                    groups = [[answer] for answer in ranked]
                own["ranks"] = {
                    int(answer.removeprefix("answer")) - 1: n for n, group in enumerate(groups, 1) for answer in group
                }
            elif name == "both":
                own["both"] = str(value["choices"][0]).removeprefix("both ")
            elif name == "tags":
                own["tags"] = list(value["choices"])
            elif name == "note":
                own["note"] = " ".join(value["text"]) if isinstance(value["text"], list) else str(value["text"])
        who = annotation.get("completed_by")
        found.append((str(who.get("id", who.get("email"))) if isinstance(who, dict) else str(who), own))
    return found


def _event(pair: Pair, who: str, said: Row, number: int) -> Ranking:
    """One event with the answers in the order of the file."""
    answers = len(pair.answers)
    ranks = said.get("ranks") or {}
    outcome: Any = _OUTCOMES.get(said.get("both") or "", "skip" if said.get("skip") else "ranked")
    shown = list(range(answers)) if answers > 2 else []
    if outcome == "ranked":
        if sorted(ranks) != list(range(answers)):
            raise ValueError("the ranking does not name every answer once")
        if answers == 2:
            if ranks[0] == ranks[1]:
                raise ValueError("a tie of two answers without 'both good' or 'both bad'")
            outcome = "a" if ranks[0] < ranks[1] else "b"
    annotator = re.sub(r"[^A-Za-z0-9._-]+", "-", who).strip("-._")[:40] or "unknown"
    places = sorted(set(ranks.values()))
    return Ranking(
        id=f"{annotator}-in-{number:04d}",
        pair=pair.id,
        annotator=annotator,
        left=0,
        right=answers - 1,
        outcome=outcome,
        shown=shown,
        ranks=[places.index(ranks[i]) + 1 for i in range(answers)] if outcome == "ranked" else [],
        tags=sorted(set(said.get("tags") or [])),
        note=said.get("note") or "",
        seconds=said.get("seconds"),
        at=said.get("at") or "",
    )
