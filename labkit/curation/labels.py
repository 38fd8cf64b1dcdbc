"""Labels in JSON answers: values that the texts speak against, and answers of another form than their neighbours'."""

from __future__ import annotations

import ast
import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from labkit import LabError
from labkit.checks import Context, Hit, set_check
from labkit.curation.noise import empty_answer, leaked_turns, runaway_answer, truncated_answer
from labkit.curation.reading import fields
from labkit.curation.rules import binding, holds, read_case
from labkit.curation.vectors import tfidf
from labkit.policy import Policy
from labkit.records import Example, Tier

# --- wrong_label ------------------------------------------------------------------------------------------------------

FEWEST, MOST_VALUES = 40, 25  # rows that make a label learnable; distinct values up to which a key is a label
LOW, HIGH = 0.15, 0.35  # probability of the given label at most, of another at least
REVIEWED = 0.05  # share of the rows worth a look, where the labels can be told from the texts
ANY, ENOUGH = 0.2, 0.4  # skill of the model below which none is named, and from which that share is reached
_RARE = 3  # rows below which a value is a matter of format


def out_of_fold(texts: Sequence[str], labels: Sequence[str], folds: int = 5, seed: int = 0) -> np.ndarray:
    """How likely each label is for each text, as judged by a model that has not seen that text.

    TF-IDF of words and of character n-grams from 2 to 5, and logistic regression. Each label is spread evenly over the
    folds; a label of one single text is unknown to the model that judges it, and gets 0.

    Args:
        texts: shape (n,).
        labels: the given labels, shape (n,).
        folds: parts, each judged by a model trained on the others.
        seed: of the split.

    Returns:
        Shape (n, distinct labels), columns in sorted order of the labels, rows adding up to 1.

    Raises:
        LabError: there are fewer texts than folds, or fewer than two labels.
    """
    from sklearn.linear_model import LogisticRegression

    names, given = np.unique(np.array(labels, dtype=str), return_inverse=True)
    if len(texts) < folds or len(names) < 2:
        raise LabError("labels", f"{len(texts)} texts with {len(names)} labels teach nothing", "give more of both")
    draw = np.random.default_rng(seed)
    fold = np.empty(len(given), dtype=int)
    start = 0  # goes on from label to label, so that folds of rare labels do not pile up in the first
    for label in range(len(names)):
        members = draw.permutation(np.flatnonzero(given == label))
        fold[members] = (start + np.arange(len(members))) % folds
        start += len(members)
    vectors = tfidf(texts, shortest=2)
    result = np.zeros((len(given), len(names)))
    for part in range(folds):
        model = LogisticRegression(C=10, max_iter=1000, class_weight="balanced").fit(
            vectors[fold != part], given[fold != part]
        )
        result[np.ix_(fold == part, model.classes_)] = model.predict_proba(vectors[fold == part])
    return result


@set_check(
    "wrong_label", stage="curation", severity="major", about="A label in a JSON answer that the text speaks against."
)
def wrong_label(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """Labels that are unlikely by a model trained on the other rows, the least likely first; one finding a row.

    How many are named depends on how well the model tells the labels at all. What coded rules decide is left to
    ``policy_violation``.
    """
    worst: dict[str, tuple[float, Hit]] = {}
    for group in _by_system(rows):
        for key in sorted({key for row in group for key in fields(row.response) or {}}):
            for ratio, hit in _doubtful(key, group, context.policy):
                if hit.row not in worst or ratio > worst[hit.row][0]:
                    worst[hit.row] = (ratio, hit)
    for _, hit in sorted(worst.values(), key=lambda x: (-x[0], x[1].row)):
        yield hit


def _by_system(rows: Sequence[Example]) -> list[list[Example]]:
    groups: dict[str, list[Example]] = defaultdict(list)
    for row in rows:
        groups[row.system].append(row)
    return list(groups.values())


def _plain(value: object) -> str:
    return " ".join(str(value).casefold().split())


def _doubtful(key: str, rows: Sequence[Example], policy: Policy) -> Iterator[tuple[float, Hit]]:
    labelled = [
        (row, _plain(value)) for row in rows if isinstance(value := (fields(row.response) or {}).get(key), str | bool)
    ]
    counts = Counter(label for _, label in labelled)
    labelled = [(row, label) for row, label in labelled if counts[label] >= _RARE]
    names = sorted({label for _, label in labelled})
    if len(labelled) < FEWEST or not 2 <= len(names) <= MOST_VALUES:
        return
    kept, given = [row for row, _ in labelled], np.array([names.index(label) for _, label in labelled])
    chances = out_of_fold([_with_rules(row, policy) for row in kept], [label for _, label in labelled])
    bounds = [binding(read_case(row), policy.decisions).get(key) if policy.decisions else None for row in kept]
    allowed = np.array([[not bound or name in bound[0] for name in names] for bound in bounds])
    chances = chances * allowed / (chances * allowed).sum(axis=1, keepdims=True).clip(1e-9)
    own, best = chances[np.arange(len(given)), given], chances.argmax(axis=1)
    open_ = np.flatnonzero((allowed.sum(axis=1) > 1) & allowed[np.arange(len(given)), given])
    if len(open_) < FEWEST:
        return
    skill = _skill(given[open_], best[open_], allowed[open_])
    most = round(REVIEWED * len(open_) * min(1.0, skill / ENOUGH)) if skill >= ANY else 0
    ratio = np.log(chances.max(axis=1) + 1e-9) - np.log(own + 1e-9)
    right = float(np.mean(best[open_] == given[open_]))
    for i in open_[np.argsort(-ratio[open_], kind="stable")][:most]:
        if own[i] <= LOW and chances[i, best[i]] >= HIGH:
            value = (fields(kept[i].response) or {})[key]
            yield (
                float(ratio[i]),
                Hit(
                    kept[i].id,
                    f"{key} {names[given[i]]!r} has probability {own[i]:.2f} here, {names[best[i]]!r}"
                    f" {chances[i, best[i]]:.2f},"
                    f" by a model of the other rows (which is right on {right:.0%} of {len(open_)})",
                    f'"{key}": {json.dumps(value, ensure_ascii=False)}',
                    suggestion=f"read the text again: {names[best[i]]}?",
                    tier="review",
                    score=float(round(1 - own[i], 4)),
                ),
            )


def _with_rules(row: Example, policy: Policy) -> str:
    """The message, and as words of it the coded rules that apply: n-grams cannot compare "days=51" with 45."""
    case = read_case(row) if policy.decisions else {}
    ids = [rule.id for rule in policy.decisions if all(holds(v, case.get(k.casefold())) for k, v in rule.when.items())]
    return " ".join([row.asked, *(f"rule{''.join(filter(str.isalnum, i))}" for i in ids)])


def _skill(given: np.ndarray, guess: np.ndarray, allowed: np.ndarray) -> float:
    """How much better the guesses are than the most frequent label that each row may have: 0 no better, 1 always right."""
    counts = np.bincount(given, minlength=allowed.shape[1])
    plain = float(np.mean((counts * allowed).argmax(axis=1) == given))
    return (float(np.mean(guess == given)) - plain) / max(1e-9, 1 - plain)


# --- format -----------------------------------------------------------------------------------------------------------

USUAL = 0.8  # share of the rows of a system prompt that makes a form the rule
_LEAST = 20  # rows of a system prompt that make a rule


@set_check(
    "format",
    stage="curation",
    severity="major",
    about="An answer of another form than the others of its system prompt.",
)
def format_check(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """Not JSON, other keys, another type, or a value in a spelling that no other row has. The order of keys is free."""
    for group in _by_system(rows):
        answers = {row.id: answer for row in group if (answer := fields(row.response)) is not None}
        if len(group) < _LEAST or len(answers) < USUAL * len(group):
            continue
        key_sets = Counter(frozenset(answer) for answer in answers.values())
        keys, n = key_sets.most_common(1)[0]
        share = f"{len(answers)} of {len(group)} answers to this system prompt"
        usual = _usual_values(list(answers.values()), keys) if n >= USUAL * len(answers) else {}
        for row in group:
            answer = answers.get(row.id)
            if answer is None:
                if not _explained(row, context):
                    yield _not_json(row, share)
            elif usual and (missing := sorted(keys - set(answer))):
                yield _form(
                    row, f"the answer lacks {', '.join(missing)}, which {n} of {len(answers)} others have", row.response
                )
            elif usual:
                yield from _deviant(row, answer, keys, usual, f"{n} of {len(answers)}")


def _explained(row: Example, context: Context) -> bool:
    """Does another check already say why the answer is no JSON?"""
    checks = (empty_answer, truncated_answer, runaway_answer, leaked_turns)
    return any(True for check in checks for _ in check(row, context))


def _form(
    row: Example,
    message: str,
    evidence: str,
    tier: Tier = "certain",
    score: float = 1.0,
    repair: Mapping[str, Any] | None = None,
) -> Hit:
    mended = {"response": json.dumps(repair, ensure_ascii=False)} if repair else {}
    suggestion = "take the usual form" if mended else "write the answer in the usual form"
    return Hit(row.id, message, evidence[:200], suggestion=suggestion, tier=tier, score=score, repair=mended)


def _not_json(row: Example, share: str) -> Hit:
    try:
        value = (
            ast.literal_eval(row.response.strip()) if len(row.response) < 2000 else None
        )  # literals only, nothing runs
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        value = None
    literal = value if isinstance(value, dict) and all(isinstance(k, str) for k in value) else None
    why = "in Python's quotes" if literal else "no JSON object"
    try:
        return _form(row, f"the answer is {why}; {share} are JSON", row.response, repair=literal)
    except (TypeError, ValueError):  # a set or bytes has no JSON
        return _form(row, f"the answer is no JSON object; {share} are", row.response)


def _usual_values(answers: Sequence[Mapping[str, Any]], keys: frozenset[str]) -> dict[str, Counter[Any]]:
    """By key: the values that occur often, with their counts, of the usual type; none where the key is no label."""
    found: dict[str, Counter[Any]] = {}
    for key in sorted(keys):
        values = [
            answer[key] for answer in answers if key in answer and isinstance(answer[key], str | bool | int | float)
        ]
        kind, n = Counter(type(v) for v in values).most_common(1)[0] if values else (str, 0)
        counts = Counter(v for v in values if type(v) is kind)
        often = Counter({v: c for v, c in counts.items() if c >= max(_RARE, 0.01 * n)})
        label = kind is not float and 0 < len(often) <= MOST_VALUES and often.total() >= 0.9 * n
        found[key] = often if n >= USUAL * len(answers) and label else Counter()
    return found


def _deviant(
    row: Example, answer: dict[str, Any], keys: frozenset[str], usual: Mapping[str, Counter[Any]], share: str
) -> Iterator[Hit]:
    extra = sorted(set(answer) - keys)
    odd: dict[str, Any] = {}
    for key, often in usual.items():
        if often and not any(type(answer[key]) is type(v) and answer[key] == v for v in often):
            odd[key] = _nearest(answer[key], often)
    if not extra and not odd:
        return
    told = [f"{key} {answer[key]!r} is none of its {len(usual[key])} usual values" for key in odd]
    told += [f"{', '.join(extra)} stands in no usual answer ({share} have {', '.join(sorted(keys))})"] if extra else []
    mended = {key: odd.get(key, value) for key, value in answer.items() if key in keys}
    known = all(value is not None for value in odd.values())
    same = all(_plain(answer[key]) == _plain(value) for key, value in odd.items())
    first = next(iter(odd), extra[0] if extra else "")
    yield _form(
        row,
        "; ".join(told) + (f"; meant: {', '.join(f'{k} {v!r}' for k, v in odd.items())}" if odd and known else ""),
        f'"{first}": {json.dumps(answer[first], ensure_ascii=False)}',
        tier="certain" if same else "likely",
        score=1.0 if same else 0.85,
        repair=mended if known else None,
    )


_SAME = {"true": True, "yes": True, "false": False, "no": False}


def _nearest(value: Any, often: Counter[Any]) -> Any:
    """The usual value that a deviant one means, or None."""
    plain = _plain(value)
    if _SAME.get(plain) in often and isinstance(_SAME.get(plain), bool):
        return _SAME[plain]
    by_text = {_plain(v): v for v in often}
    close = difflib.get_close_matches(plain, by_text, n=1, cutoff=0.7) if plain not in by_text else [plain]
    return by_text[close[0]] if close else None
