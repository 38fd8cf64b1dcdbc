"""From rankings to training rows: DPO pairs and KTO rows, with a reason for everything that is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, Field

from labkit import LabError
from labkit.files import sha256
from labkit.preference.ranking import Slot, better, comparisons, effective, slot
from labkit.records import Pair, Ranking


class Accounting(BaseModel):
    """Where every comparison went. ``used`` (for DPO) and ``dropped`` add up to ``comparisons``."""

    comparisons: int = 0
    used: int = 0
    dropped: dict[str, list[str]] = Field(default_factory=dict)  # reason -> pair ids
    kto_rows: int = 0
    kto_undecided: int = 0  # answers of three or four that won as often as they lost
    elsewhere: int = 0  # judgements of pairs that are not in the list, repeats among them

    def __str__(self) -> str:
        reasons = "".join(f", {len(ids)} {reason}" for reason, ids in sorted(self.dropped.items()))
        return f"{self.comparisons} comparisons: {self.used} DPO rows{reasons}; {self.kto_rows} KTO rows"


class Preferences(BaseModel):
    """Training rows in TRL's conversational formats, each with the id of the pair it came from.

    ``weight`` of a DPO row makes each prompt count once, however many answers it had.
    """

    dpo: list[dict[str, Any]]  # pair, prompt, chosen, rejected, weight
    kto: list[dict[str, Any]]  # pair, prompt, completion, label
    accounting: Accounting


def preference_rows(pairs: Sequence[Pair], rankings: Iterable[Ranking]) -> Preferences:
    """Turn judgements into training rows, by the majority of the annotators (skips do not vote).

    A better than B gives one DPO row, and a good and a bad KTO row. Both good or both bad give KTO rows only. A split
    vote gives nothing.

    Args:
        pairs: the pairs to make rows of; pass only the training ones of :func:`split`.
        rankings: the log, or the judgements that count.

    Returns:
        The rows in the order of the pairs, and the accounting.
    """
    votes: dict[Slot, Counter[int | str]] = {}
    known = {comparison for pair in pairs for comparison in comparisons(pair)}
    account = Accounting()
    for event in effective(rankings):
        account.elsewhere += slot(event) not in known
        ballot = votes.setdefault(slot(event), Counter())
        if (choice := better(event)) is not None:
            ballot[choice] += 1
    dpo: list[dict[str, Any]] = []
    kto: list[dict[str, Any]] = []
    for pair in pairs:
        prompt = [m.model_dump() for m in pair.prompt]
        wins = [0] * len(pair.answers)
        rows: list[dict[str, Any]] = []
        for comparison in comparisons(pair):
            account.comparisons += 1
            winner, reason = _elect(votes.get(comparison))
            sides = comparison[1:]
            if isinstance(winner, int) and pair.answers[sides[0]].text == pair.answers[sides[1]].text:
                winner, reason = None, "same text twice"
            for i in sides:
                wins[i] += {"both_good": 1, "both_bad": -1, None: 0, i: 1}.get(winner, -1)
            if isinstance(winner, int):
                loser = sides[0] if winner == sides[1] else sides[1]
                chosen, rejected = _turn(pair, winner), _turn(pair, loser)
                rows.append({"pair": pair.id, "prompt": prompt, "chosen": chosen, "rejected": rejected})
            else:
                account.dropped.setdefault(reason, []).append(pair.id)
        dpo += [{**row, "weight": 1 / len(rows)} for row in rows]
        judged = any(votes.get(comparison) for comparison in comparisons(pair))
        for i, net in enumerate(wins):
            if net:
                kto.append({"pair": pair.id, "prompt": prompt, "completion": _turn(pair, i), "label": net > 0})
            elif judged and len(wins) > 2:
                account.kto_undecided += 1
    account.used, account.kto_rows = len(dpo), len(kto)
    return Preferences(dpo=dpo, kto=kto, accounting=account)


def _elect(ballot: Counter[int | str] | None) -> tuple[int | str | None, str]:
    """The choice with more votes than any other, and otherwise the reason why there is no winning answer."""
    if ballot is None:
        return None, "not judged"
    if not ballot:
        return None, "skipped"
    (top, count), *others = ballot.most_common(2)
    if others and others[0][1] == count:
        return None, "split vote"
    return top, str(top).replace("_", " ")


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
        text = " ".join(f"{m.role} {m.content}" for m in pair.prompt)
        groups.setdefault(sha256(f"{seed} {' '.join(text.casefold().split())}"), []).append(pair.id)
    held: set[str] = set()
    for _, ids in sorted(groups.items()):  # the hashes shuffle the prompts
        if len(held) + len(ids) <= round(share * len(pairs)):
            held.update(ids)
    return [p.id for p in pairs if p.id not in held], [p.id for p in pairs if p.id in held]
