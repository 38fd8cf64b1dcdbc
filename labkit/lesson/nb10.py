"""Notebook 10: a comparison in three values, the case that kills a mutant, alarms by luck, and what its tables hold."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labkit import samples
from labkit.evaluation.drift import Batch, Drift, Limit
from labkit.evaluation.mutant_registry import Registry
from labkit.evaluation.oracles import ORACLES
from labkit.files import read_jsonl
from labkit.formats import read_rows
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.records import Planted, Verdict
from labkit.stats import non_inferior

# --- exercises --------------------------------------------------------------------------------------------------------

_INTERVALS = [  # low, high, margin, verdict
    (-0.03, 0.06, 0.05, "pass"),
    (-0.12, -0.02, 0.05, "fail"),
    (-0.09, 0.04, 0.05, "inconclusive"),
    (-0.04, -0.01, 0.05, "pass"),
    (-0.09, 0.04, 0.10, "pass"),
    (0.02, 0.20, 0.05, "pass"),
]


def _no_worse(answer: Callable[[float, float, float], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_no_worse(low, high, margin): ..."
    for low, high, margin, wanted in _INTERVALS:
        found = answer(low, high, margin)
        if found == wanted:
            continue
        if found not in ("pass", "fail", "inconclusive"):
            return f'It gave {found!r}; give back "pass", "fail" or "inconclusive"'
        if high < 0 and wanted == "pass":
            return f"{low} to {high} is a loss, but one inside the margin of {margin}: look at the lower end first"
        if low > 0:
            return "A gain is no loss either: only the lower end decides about pass"
        if margin == 0.10:
            return "The margin is the third argument; do not write 5 points into the function"
        return f"{low} to {high} with a margin of {margin} is {wanted}, and it gave {found}"
    return True


TOLD, OTHERS = ("Femi", "Aylin", "Rashid"), ("Peter", "Anna", "Martin")
RIGHT = ["You can return the lamp within 45 days of delivery.", "Lamps come back to us within 45 days of delivery."]
SPOILT = ["You can return the lamp within 20 days of delivery.", "Lamps come back to us within 20 days of delivery."]
REFERENCE_CASE = {
    "given": "[Rule: items can be returned within 45 days of delivery]\nUntil when can I return the lamp? My name is Aylin.",
    "expect": [{"facts": ["45 days"]}],
}


def _killing_case(answer: Any) -> object:
    if not isinstance(answer, dict) or set(answer) != {"given", "expect"}:
        return 'Give a dictionary with "given" (the prompt) and "expect" (a list of expectations)'
    given, expect = answer["given"], answer["expect"]
    if not isinstance(given, str) or not isinstance(expect, list) or not all(isinstance(e, dict) for e in expect):
        return '"given" is a text, "expect" a list such as [{"facts": ["45 days"]}]'
    if not any(name in given for name in TOLD):
        said = " (this name gets the right answer)" if any(name in given for name in OTHERS) else ""
        return f"Nobody in this prompt has a name that meets the fault{said}"
    if "[Rule:" not in given or "45 days" not in given:
        return "Put the rule above the question, as all prompts of the product have it"
    unknown = [name for entry in expect for name in entry if name not in ORACLES]
    if unknown or not expect:
        return f"No such oracle: {unknown[0]}" if unknown else "Without an expectation every answer passes"
    try:
        passed = {text: _passes(expect, text, given) for text in (*RIGHT, *SPOILT)}
    except (ValueError, TypeError) as error:
        return str(error)
    if stopped := [text for text in RIGHT if not passed[text]]:
        return f'It stops a right answer: "{stopped[0]}"'
    if let := [text for text in SPOILT if passed[text]]:
        return f'The mutant passes with "{let[0]}"'
    return True


def _passes(expect: Sequence[Mapping[str, Any]], text: str, given: str) -> bool:
    return all(ORACLES[name](wanted, text, given).passed for entry in expect for name, wanted in entry.items())


def _lucky_alarm(answer: Callable[[int, float], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_lucky_alarm(signals, level): ..."
    for signals, level in [(1, 0.05), (6, 0.05), (20, 0.05), (6, 0.01)]:
        found, wanted = answer(signals, level), 1 - (1 - level) ** signals
        if isinstance(found, int | float) and abs(found - wanted) < 1e-6:
            continue
        if isinstance(found, int | float) and abs(found - signals * level) < 1e-6:
            return (
                "The sum is an upper bound (it can pass 100%); count the chance that *none* is red, and take the rest"
            )
        if isinstance(found, int | float) and abs(found - (1 - level) ** signals) < 1e-6:
            return "That is the chance that none is red; the alarm is the opposite"
        return f"For {signals} signals at {level} it gave {found!r}, and {wanted:.4f} is right"
    return True


EXERCISES = Notebook(
    "10",
    Exercise(
        "no_worse",
        "easy",
        6,
        "Write my_no_worse(low, high, margin), the verdict on an interval of the difference (candidate minus baseline): "
        '"pass" when a loss of the margin or more is excluded, "fail" when it is not excluded and the whole interval is a '
        'loss, else "inconclusive".\n\nAll three are shares: 0.05 is 5 points.',
        _no_worse,
        "Two comparisons are enough: the lower end with -margin, then the upper end with 0.",
        "def my_no_worse(low, high, margin):\n"
        "    if low > -margin:\n"
        '        return "pass"\n'
        '    return "fail" if high < 0 else "inconclusive"',
    ),
    Exercise(
        "killing_case",
        "medium",
        8,
        "The mutant by-name tells customers called Femi, Aylin or Rashid a return period of 20 days, and everybody else "
        "the right 45. Write the case that kills it.\n\n"
        'Give {"given": prompt, "expect": [...]}, with the line [Rule: items can be returned within 45 days of delivery] '
        "above the question.",
        _killing_case,
        "Which of the prompts of the suite names a customer? And which expectation do the cases of REQ-S01 have?",
        f"my_killing_case = {REFERENCE_CASE!r}",
    ),
    Exercise(
        "lucky_alarm",
        "easy",
        5,
        "A monitor looks at several signals, each with a false-alarm rate of its own. Nothing drifts. Write "
        "my_lucky_alarm(signals, level): the chance that at least one of them is red all the same.\n\n"
        "Take the signals as independent.",
        _lucky_alarm,
        "One signal stays quiet with a chance of 1 - level. And all of them?",
        "def my_lucky_alarm(signals, level):\n    return 1 - (1 - level) ** signals",
    ),
)

QUIZ = (
    Quiz(
        "1. A mutant survives. What do you know?",
        (
            "The model is robust against this fault.",
            "This suite would have released a model with this fault.",
            "The mutant was built wrongly.",
        ),
        "b",
        "The answers of the mutant show whether the fault took; when it did, the gap is the suite's.",
    ),
    Quiz(
        "2. The candidate is red against the baseline, and you believe that the baseline is wrong. What now?",
        (
            "Bless another run as the baseline, with the reason, and let the log keep the old one.",
            "Raise the margin until the verdict is green.",
            "Delete the baseline, so that there is nothing to compare with.",
        ),
        "a",
        "A baseline may change; it may not change silently.",
    ),
    Quiz(
        "3. The drift monitor has been silent for four weeks. What does that prove?",
        (
            "That nothing has changed.",
            "Nothing at all.",
            "That no shift as large as its detection limit is likely, and nothing about smaller ones.",
        ),
        "c",
        "A monitor whose limit nobody has measured cannot even say that much.",
    ),
)

# --- tables -----------------------------------------------------------------------------------------------------------


def against(
    before: Sequence[Verdict], models: Mapping[str, Sequence[Verdict]], margin: float = 0.05
) -> list[dict[str, Any]]:
    """Each candidate against the baseline: flips, the difference with its interval, and whether it is no worse."""
    old = {v.case_id: v.passed for v in before}
    rows = []
    for name, verdicts in models.items():
        pairs = [(old[v.case_id], v.passed) for v in verdicts]
        found = non_inferior([a for a, _ in pairs], [b for _, b in pairs], [v.cluster for v in verdicts], margin)
        gap = found.interval
        more = f" (about {found.further_cases} more cases)" if found.further_cases else ""
        rows.append(
            {
                "candidate": name,
                "n": len(pairs),
                "lost": sum(a and not b for a, b in pairs),
                "gained": sum(b and not a for a, b in pairs),
                "points": f"{100 * gap.estimate:+.1f} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})",
                "no worse?": found.verdict + more,
            }
        )
    return rows


def faults(registry: Registry) -> list[dict[str, Any]]:
    """The mutants that are written down, with what each should turn red."""
    return [
        {"mutant": m.name, "kind": m.kind, "fault": m.fault, "should turn red": ", ".join(m.expected)}
        for m in registry.mutants
    ]


def asked(domain: str) -> list[tuple[str, str]]:
    """Question and answer of each sound row of a domain's samples, no question twice, in a drawn order."""
    folder = samples.path(f"{domain}/raw.jsonl").parent
    spoilt = {plant.row for plant in read_jsonl(folder / "planted.jsonl", Planted)[0]}
    rows = [row for row in read_rows(folder / "raw.jsonl")[0] if row.id not in spoilt and row.question.strip()]
    found = list({row.question: row.response for row in rows}.items())
    random.Random(0).shuffle(found)
    return found


def batch(rows: Sequence[tuple[str, str]]) -> Batch:
    """Questions and answers as the drift monitor takes them."""
    return Batch(prompts=[question for question, _ in rows], answers=[answer for _, answer in rows])


_GERMAN = (
    "Wo bleibt {}?", "Wie lange ist Garantie auf {}?", "Kann ich {} noch umtauschen?", "Was kostet der Versand von {}?",
    "Bitte stornieren Sie {}.", "Leider ist {} kaputt angekommen.",
)  # fmt: skip
_GOODS = (
    "meine Lampe", "mein Wasserkocher", "unser Sonnenschirm", "die Leiter", "das Regal", "mein Teppich", "die Heckenschere",
    "unsere Gartenbank",
)  # fmt: skip


def german() -> list[tuple[str, str]]:
    """Questions in a language that no row of the samples has, and what an assistant without it might answer."""
    said = "That is not about our shop. I can only help with Tallgrove orders and products."
    found = [(ask.format(thing), said) for ask in _GERMAN for thing in _GOODS]
    random.Random(0).shuffle(found)
    return found


def weeks(size: int = 80) -> tuple[Batch, dict[str, Batch]]:
    """A reference of support questions, and three weeks: as before, a fifth in German, a third cases to be decided.

    Returns:
        The reference, and the batches of ``size`` by name; no question stands in two of them.
    """
    own, foreign, decisions = asked("support"), german(), asked("decision")
    fifth, third = size // 5, size // 3
    cuts = [size, 2 * size - fifth, 3 * size - fifth - third]
    return batch(own[cuts[2] :]), {
        "as before": batch(own[: cuts[0]]),
        "a fifth German": batch(own[cuts[0] : cuts[1]] + foreign[:fifth]),
        "a third decisions": batch(own[cuts[1] : cuts[2]] + decisions[:third]),
    }


def limits(found: Mapping[str, Limit]) -> list[dict[str, Any]]:
    """The smallest share of shifted prompts that is noticed, by kind of shift, and the false alarms."""
    return [
        {
            "shift": name,
            "noticed from": f"{share:.0%}" if (share := limit.smallest["either"]) else "no share tried",
            "noticed at a half": limit.powers[-1].either,
            "false alarms": limit.false_alarm.either,
        }
        for name, limit in found.items()
    ]


def novelties(found: Mapping[str, Drift]) -> list[dict[str, Any]]:
    """The share of prompts unlike the reference, by batch, with its interval and the monitor's word."""
    rows = []
    for name, drift in found.items():
        signal = next(s for s in drift.signals if s.name == "novel prompts")
        rows.append({"batch": name, "novel prompts": signal.current, "p after Holm": f"{signal.adjusted:.2g}",
                     "any signal": "DRIFT" if drift.alarm else "no drift shown"})  # fmt: skip
    return rows
