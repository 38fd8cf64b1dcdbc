"""From rankings to training rows: DPO pairs and KTO rows, with a reason for everything that is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from operator import not_
from typing import Any, Literal

from pydantic import BaseModel, Field

from labkit import LabError
from labkit.files import sha256
from labkit.preference.events import AGAIN, Choice, Slot, choices, comparisons, effective
from labkit.records import Pair, Ranking

Disagreement = Literal["majority", "every"]
# Judgements that never become training rows, and why.
REPEAT, GOLD = "repeat", "gold item"


class Accounting(BaseModel):
    """Where every comparison went. ``used`` (for DPO) and the ``dropped`` ones add up to ``comparisons``.

    Where every labeller's word makes a row, ``used`` counts the comparisons that gave one or more.
    """

    comparisons: int = 0
    used: int = 0
    dropped: dict[str, list[str]] = Field(default_factory=dict)  # reason -> pair ids
    kto_rows: int = 0
    kto_undecided: int = 0  # answers of three or four that won as often as they lost
    elsewhere: int = 0  # judgements of pairs that are not in the list
    excluded: dict[str, int] = Field(default_factory=dict, exclude_if=not_)  # reason -> judgements: repeats, gold items

    def __str__(self) -> str:
        reasons = "".join(f", {len(ids)} {reason}" for reason, ids in sorted(self.dropped.items()))
        checks = "".join(f"; left out: {n} of a {why}" for why, n in sorted(self.excluded.items()))
        return f"{self.comparisons} comparisons: {self.used} DPO rows{reasons}; {self.kto_rows} KTO rows{checks}"


class Preferences(BaseModel):
    """Training rows in TRL's conversational formats, each with the id of the pair it came from.

    ``weight`` of a DPO row makes each prompt count once, however many answers and pairs it had.
    """

    dpo: list[dict[str, Any]]  # pair, prompt, chosen, rejected, weight
    kto: list[dict[str, Any]]  # pair, prompt, completion, label
    accounting: Accounting


class _Votes:
    """What was said of each comparison of the known pairs, and what was left out."""

    def __init__(self, pairs: Sequence[Pair], rankings: Iterable[Ranking], gold: Collection[str], account: Accounting):
        self.cast: dict[Slot, Counter[Choice]] = {}
        self.ruled: dict[Slot, Choice] = {}
        known = {comparison for pair in pairs if pair.id not in gold for comparison in comparisons(pair)}
        for event in effective(rankings):
            about = {Slot(event.pair, two) for two in _twos(event)}
            if why := GOLD if event.pair.removesuffix(AGAIN) in gold else REPEAT if event.pair.endswith(AGAIN) else "":
                account.excluded[why] = account.excluded.get(why, 0) + 1
            elif not about <= known:
                account.elsewhere += 1
            elif event.adjudicated:
                self.ruled.update(choices(event))
            else:
                said = choices(event)
                for comparison in about:
                    ballot = self.cast.setdefault(comparison, Counter())
                    if comparison in said:
                        ballot[said[comparison]] += 1

    def elect(self, comparison: Slot) -> tuple[Choice | None, str]:
        """The adjudicated choice, else the one with more votes than any other, else the reason why there is none."""
        if comparison in self.ruled:
            return self.ruled[comparison], str(self.ruled[comparison]).replace("_", " ")
        ballot = self.cast.get(comparison)
        if not ballot:
            return None, "not judged" if ballot is None else "skipped"
        (top, count), *others = ballot.most_common(2)
        if others and others[0][1] == count:
            return None, "split vote"
        return top, str(top).replace("_", " ")

    def winners(self, comparison: Slot) -> list[int]:
        """Every single winner that was named, in a fixed order; where it was adjudicated, that one alone."""
        named = Counter([self.ruled[comparison]]) if comparison in self.ruled else self.cast.get(comparison, Counter())
        return sorted(choice for choice in named.elements() if isinstance(choice, int))


def _twos(event: Ranking) -> list[tuple[int, int]]:
    answers = sorted(event.shown or (event.left, event.right))
    return [(i, j) for i in answers for j in answers if i < j]


def preference_rows(
    pairs: Sequence[Pair],
    rankings: Iterable[Ranking],
    gold: Collection[str] = (),
    disagreement: Disagreement = "majority",
) -> Preferences:
    """Turn judgements into training rows; where somebody has adjudicated, that word stands for all.

    A better than B gives one DPO row, and a good and a bad KTO row. Both good or both bad give KTO rows only. A rank of
    three or four gives a DPO row for each two answers that are not tied. Repeats and gold items never become rows.

    Args:
        pairs: the pairs to make rows of; pass only the training ones of :func:`split`.
        rankings: the log, or the judgements that count.
        gold: ids of gold pairs.
        disagreement: ``majority`` of the annotators (skips do not vote; a split vote gives nothing), or ``every``
            winner that anybody named makes a DPO row: then train with the ``robust`` loss and the measured flip rate
            (:func:`labkit.preference.quality.flip_rate`), which expects such noise. KTO rows go by majority.

    Returns:
        The rows in the order of the pairs, and the accounting.
    """
    account = Accounting()
    votes = _Votes(pairs, rankings, gold, account)
    dpo: list[dict[str, Any]] = []
    kto: list[dict[str, Any]] = []
    for pair in pairs:
        if pair.id in gold:
            continue
        prompt = [m.model_dump() for m in pair.prompt]
        wins = [0] * len(pair.answers)
        for comparison in comparisons(pair):
            account.comparisons += 1
            winner, reason = votes.elect(comparison)
            first, second = comparison.answers
            if isinstance(winner, int) and pair.answers[first].text == pair.answers[second].text:
                winner, reason = None, "same text twice"
            for i in comparison.answers:
                wins[i] += {"both_good": 1, "both_bad": -1, "tie": 0, None: 0, i: 1}.get(winner, -1)
            winners = [winner] if isinstance(winner, int) else []
            if disagreement == "every" and reason != "same text twice":
                winners = votes.winners(comparison)
            for won in winners:
                chosen, rejected = _turn(pair, won), _turn(pair, first + second - won)
                dpo.append({"pair": pair.id, "prompt": prompt, "chosen": chosen, "rejected": rejected})
            account.used += bool(winners)
            if not winners:
                account.dropped.setdefault(reason, []).append(pair.id)
        judged = any(votes.cast.get(comparison) for comparison in comparisons(pair))
        for i, net in enumerate(wins):
            if net:
                kto.append({"pair": pair.id, "prompt": prompt, "completion": _turn(pair, i), "label": net > 0})
            elif judged and len(wins) > 2:
                account.kto_undecided += 1
    account.kto_rows = len(kto)
    prompts = {pair.id: prompt_key(pair) for pair in pairs}
    counts = Counter(prompts[row["pair"]] for row in dpo)
    weighted = [{**row, "weight": 1 / counts[prompts[row["pair"]]]} for row in dpo]
    return Preferences(dpo=weighted, kto=kto, accounting=account)


def prompt_key(pair: Pair) -> str:
    """The prompt without regard to case and spacing: what pairs of one question have in common."""
    return " ".join(" ".join(f"{m.role} {m.content}" for m in pair.prompt).casefold().split())


def _turn(pair: Pair, index: int) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": pair.answers[index].text}]


def split(pairs: Sequence[Pair], share: float = 0.2, seed: int = 0) -> tuple[list[str], list[str]]:
    """Split by prompt, never by pair: all pairs of one prompt land on the same side.

    Prompts are compared without regard to case and spacing. The order of the pairs does not matter.

    Args:
        pairs: the pairs to split.
        share: how much to hold out, at most.
        seed: another seed, another split.

    Returns:
        The ids to train on and the ids held out, each in the order of ``pairs``.
    """
    if not 0 < share < 1:
        raise LabError("split", f"share {share:g} is not between 0 and 1", "hold out 0.2, say")
    groups: dict[str, list[str]] = {}
    for pair in pairs:
        groups.setdefault(sha256(f"{seed} {prompt_key(pair)}"), []).append(pair.id)
    held: set[str] = set()
    for _, ids in sorted(groups.items()):  # the hashes shuffle the prompts
        if len(held) + len(ids) <= round(share * len(pairs)):
            held.update(ids)
    return [p.id for p in pairs if p.id not in held], [p.id for p in pairs if p.id in held]
