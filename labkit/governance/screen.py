"""A screen for two things that no row should teach: to obey instructions hidden in data, and to insult or endanger.

It works by lists of phrases (:mod:`labkit.governance.cues`, :mod:`labkit.governance.harm`) and says so: it finds what
was thought of, in English.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Literal

from labkit.checks import Context, Hit, row_check
from labkit.governance import cues, harm
from labkit.governance.phrases import Phrases, fold
from labkit.records import Example, Place, Severity, Tier

LONGEST = 200  # characters of evidence
Reaction = Literal["obeys", "refuses", "goes along"]
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24,}={0,2}")
_LONG = re.compile(r"[A-Za-z0-9+/]{24}")
_SPACED = re.compile(r"(?:\b\w[ .*_-]{1,3}){12,}\w\b")  # i g n o r e  a l l  r u l e s
_SINGLE = re.compile(r"(?<![ .*_-])[ .*_-](?![ .*_-])")
_SENTENCE_END = re.compile(r"[^.!?\n]*[.!?\n]?")


@row_check(
    "injection",
    severity="critical",
    stage="governance",
    about="An instruction to the model in data, or an answer that obeys one.",
)
def injection(row: Example, context: Context) -> Iterator[Hit]:
    """Instructions in data (documents, case lines, answers, provenance), and answers that obey a customer's trick.

    A customer who says "ignore your rules" makes no bad row: with a refusing answer it is what the model shall learn.
    """
    asked, question, made = row.asked, row.question, row.provenance
    data: list[tuple[Place, str, str]] = [("prompt", asked[: len(asked) - len(question)], "the context line")]
    data += [("prompt", m.content, f"the {m.role} message") for m in row.prompt if m.content != asked]
    data.append(
        ("provenance", "\n".join([made.source, made.owner, made.transform or "", made.licence]), "the provenance")
    )
    data.append(("slices", "\n".join(row.slices.values()), "a slice"))
    for where, text, name in data:
        if found := _instruction(text, cues.IN_DATA):
            yield _injected(row, where, found, f"{name} holds an instruction to the model")
    if found := _in_answer(row.response):
        yield _injected(row, "response", found, "the answer holds an instruction to the model")
    elif trick := _instruction(question, cues.IN_QUESTION):
        if (reaction := reaction_to(row.response)) == "obeys":
            yield _injected(row, "prompt", trick, "the answer obeys an instruction of the customer")
        elif reaction == "goes along":
            message = "the answer does not refuse an instruction of the customer"
            yield _injected(row, "prompt", trick, message, "major", "review")


def _injected(
    row: Example, where: Place, found: str, message: str, severity: Severity | None = None, tier: Tier = "likely"
) -> Hit:
    advice = "drop the row, or write a refusing answer" if where == "prompt" else "drop the row"
    return Hit(row.id, message, found, where, advice, severity, tier)


def _instruction(text: str, phrases: Phrases) -> str:
    """The words of an instruction to the model, hidden ones included; empty when there are none."""
    if len(text) < 8:
        return ""
    low = fold(text)
    for match in phrases.finditer(low):
        if not (cues.GRANTS.search(match.group()) and harm.FORBIDS.search(low[_start(low, match) : match.start()])):
            return text[match.start() : match.end()][:LONGEST]
    for match in _BASE64.finditer(text) if _LONG.search(text) else ():
        if phrases.search(fold(_decoded(match.group()))):
            return match.group()[:LONGEST]
    for match in _SPACED.finditer(low):
        if phrases.search(_SINGLE.sub("", match.group()).replace("  ", " ")):
            return text[match.start() : match.end()][:LONGEST]
    return ""


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:  # no base64, or no text
        return ""


def _in_answer(answer: str) -> str:
    """An instruction that the answer gives, other than in the words of a refusal ("I cannot ignore my rules")."""
    low = fold(answer)
    for match in cues.IN_ANSWER.finditer(low):
        if not cues.REFUSES.search(_sentence(low, match)):
            return answer[match.start() : match.end()][:LONGEST]
    return ""


def reaction_to(answer: str) -> Reaction:
    """What an answer does with a trick; "goes along" where it neither says that it obeys nor refuses.

    A JSON answer obeys only by approving: routing a message to a team, or referring it, obeys nobody.
    """
    if answer.lstrip().startswith("{"):
        try:
            decision = json.loads(answer).get("decision")
        except (ValueError, AttributeError):
            return "goes along"
        return "obeys" if str(decision).lower() in ("approve", "approved", "grant", "accept") else "refuses"
    low = fold(answer)
    refuses, obeys = cues.REFUSES.search(low), cues.OBEYS.search(low)
    if obeys and not (refuses and refuses.start() < obeys.end() + 80):
        return "obeys"
    return "refuses" if refuses else "goes along"


@row_check(
    "unsafe", severity="critical", stage="governance", about="Insults, threats, or advice that may injure somebody."
)
def unsafe(row: Example, context: Context) -> Iterator[Hit]:
    """Answers and contexts that insult, threaten or endanger; customers who threaten. A rude customer is for review."""
    asked, question = row.asked, row.question
    answer, low, above = fold(row.response), fold(question), fold(asked[: len(asked) - len(question)])
    advice = _unsafe(answer, harm.ADVICE) or (_unsafe(answer, harm.MIXED) if harm.BLEACH.search(fold(asked)) else None)
    plan = _unsafe(low, harm.ADVICE)
    if plan and (not harm.PLAN.search(low[_start(low, plan) : plan.start()]) or reaction_to(row.response) == "refuses"):
        plan = None  # no plan but an accident, or a plan that the answer stops
    found: list[tuple[Place, str, re.Match[str] | None, str, Severity]] = [
        ("response", row.response, harm.HATE.search(answer), "the answer speaks hate of a group", "critical"),
        ("response", row.response, harm.INSULT.search(answer), "the answer insults somebody", "critical"),
        ("response", row.response, harm.THREAT.search(answer), "the answer threatens somebody", "critical"),
        ("response", row.response, advice, "the answer gives dangerous advice", "critical"),
        ("prompt", asked, _unsafe(above, harm.ADVICE), "the context line gives dangerous advice", "critical"),
        ("prompt", question, harm.THREAT.search(low), "the customer threatens somebody", "major"),
        ("prompt", question, harm.HATE.search(low), "the customer speaks hate of a group", "major"),
        ("prompt", question, plan, "the customer means to do something dangerous, and the answer goes along", "major"),
    ]
    hits = [
        Hit(
            row.id,
            message,
            text[match.start() : match.end()][:LONGEST],
            where,
            "drop the row, or write a safe answer",
            severity,
        )
        for where, text, match, message, severity in found
        if match
    ]
    yield from hits
    if not hits and (rude := harm.INSULT.search(low)):
        words = question[rude.start() : rude.end()][:LONGEST]
        advice_text = "keep it if the answer stays calm"
        yield Hit(row.id, "the customer insults somebody", words, "prompt", advice_text, "minor", "review")


def _unsafe(low: str, phrases: Phrases) -> re.Match[str] | None:
    """The first match, unless its sentence forbids or warns: "never mix bleach with vinegar" is good advice."""
    for match in phrases.finditer(low):
        if not (harm.FORBIDS.search(low[_start(low, match) : match.start()]) or _takes_care(match.group(), low)):
            return match
    return None


def _takes_care(found: str, low: str) -> bool:
    """Taking a guard off is ordinary service work when the machine was unplugged first."""
    return bool(harm.POWER_OFF.search(low) and re.search(r"guard|fuse|shield|clip|cut-?out", found))


def _start(text: str, match: re.Match[str]) -> int:
    return max(text.rfind(mark, 0, match.start()) for mark in ".!?\n") + 1


def _sentence(text: str, match: re.Match[str]) -> str:
    """The sentence that a match begins in."""
    end = _SENTENCE_END.match(text, match.end())
    return text[_start(text, match) : end.end() if end else len(text)]
