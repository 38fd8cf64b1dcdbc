"""What is shown to an annotator, and where: items dealt blind and balanced, with repeats and gold pairs among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from labkit import LabError
from labkit.labelling.session import mixed
from labkit.preference.events import AGAIN, LETTERS, GoldPair, Slot, better
from labkit.records import Pair, Ranking

# Small blocks keep the sides balanced even when an annotator stops early.
BLOCK = 4
CHOICES = {
    "a": "A is better",
    "b": "B is better",
    "both_good": "Both good",
    "both_bad": "Both bad",
    "skip": "Skip",
}


def with_repeats(pairs: Sequence[Pair], share: float = 0.1, seed: int = 0) -> list[Pair]:
    """Add some pairs a second time at the end, to be shown the other way round: a check on the annotator.

    Args:
        pairs: the pairs to rank.
        share: how many of them come again.
        seed: which ones, and in what order.

    Returns:
        All pairs, then copies whose id ends in ``+again``. Judgements of copies never become training rows.
    """
    again = Random(f"again|{seed}").sample(list(pairs), round(share * len(pairs)))
    return [*pairs, *(pair.model_copy(update={"id": pair.id + AGAIN}) for pair in again)]


def shares(
    pairs: Sequence[Pair], annotators: Sequence[str], overlap: float = 0.2, seed: int = 0
) -> dict[str, list[Pair]]:
    """Share out the pairs among several annotators; everybody gets the overlap set, on which agreement is measured.

    Args:
        pairs: what to rank.
        annotators: who ranks.
        overlap: how many pairs go to everybody; the others go to one each, in turn.
        seed: which ones.

    Raises:
        LabError: nobody is named, somebody is named twice, or the overlap is no share.
    """
    if not annotators or len(set(annotators)) < len(annotators) or not 0 <= overlap <= 1:
        raise LabError("shares", "needs different annotators and an overlap from 0 to 1", "take 0.2, say")
    drawn = Random(f"overlap|{seed}").sample(range(len(pairs)), len(pairs))
    common = round(overlap * len(pairs))
    turn = {i: n for n, i in enumerate(drawn)}
    return {
        who: [p for i, p in enumerate(pairs) if turn[i] < common or turn[i] % len(annotators) == n]
        for n, who in enumerate(annotators)
    }


@dataclass(frozen=True)
class Item:
    """One item as it is shown: which answer stands where, from left to right. Where they came from is not shown."""

    pair: Pair
    shown: tuple[int, ...]

    @property
    def slot(self) -> Slot:
        """What is judged, without its sides."""
        return Slot(self.pair.id, tuple(sorted(self.shown)))

    @property
    def left(self) -> int:
        """The answer at the left end."""
        return self.shown[0]

    @property
    def right(self) -> int:
        """The answer at the right end."""
        return self.shown[-1]

    @property
    def texts(self) -> dict[str, str]:
        """The answers as they are shown, by letter."""
        return {letter: self.pair.answers[i].text for letter, i in zip(LETTERS, self.shown, strict=False)}

    @property
    def question(self) -> str:
        """The conversation before the answer, system prompt left out; roles are named when there are several turns."""
        turns = [m for m in self.pair.prompt if m.role != "system"]
        return turns[0].content if len(turns) == 1 else "\n".join(f"{m.role}: {m.content}" for m in turns)

    def told(self, event: Ranking) -> str:
        """A judgement in the letters of this item, as in "A is better" or "B > A = C"."""
        if event.outcome == "ranked":
            ranks = dict(zip(event.shown, event.ranks, strict=True))
            return order([ranks[i] for i in self.shown])
        choice = better(event)
        return f"{LETTERS[self.shown.index(choice)]} is better" if isinstance(choice, int) else CHOICES[event.outcome]


def order(ranks: Sequence[int | None]) -> str:
    """Ranks of the answers from left to right in letters, best first: "B > A = C". Those without a rank are left out."""
    groups = {rank: [x for x, r in zip(LETTERS, ranks, strict=False) if r == rank] for rank in ranks if rank}
    return " > ".join(" = ".join(groups[rank]) for rank in sorted(groups))


def _deal(pairs: Sequence[Pair], key: str) -> dict[str, tuple[int, ...]]:
    """Deal the sides, pairs and ranks of three or four apart.

    Of pairs, in each block of four exactly half are swapped (of an odd last block: half, rounded either way). Of ranks
    of k, in each block of k every answer stands once at every place.
    """
    shown: dict[str, tuple[int, ...]] = {}
    for size in sorted({len(pair.answers) for pair in pairs}):
        own, block = [pair.id for pair in pairs if len(pair.answers) == size], BLOCK if size == 2 else size
        for start in range(0, len(own), block):
            some = own[start : start + block]
            if size == 2:
                rng = Random(f"{key}|{start}")
                swapped = [i % 2 == 0 for i in range(len(some))]
                if rng.random() < 0.5:
                    swapped = [not swap for swap in swapped]
                rng.shuffle(swapped)
                shown.update({i: (1, 0) if swap else (0, 1) for i, swap in zip(some, swapped, strict=True)})
            else:
                rng = Random(f"{key}|{size}|{start}")
                base, turns = rng.sample(range(size), size), rng.sample(range(size), size)
                shown.update({i: (*base[turn:], *base[:turn]) for i, turn in zip(some, turns, strict=False)})
    return shown


def dealt(pairs: Sequence[Pair], gold: Sequence[GoldPair], gold_share: float, key: str) -> list[Item]:
    """All items in the order of a session, gold pairs mixed in; a repeat is shown the other way round.

    Args:
        pairs: what to rank; ids that end in ``+again`` are repeats.
        gold: pairs with a settled judgement.
        gold_share: gold pairs for each ordinary one.
        key: another key, other sides.
    """
    shown = _deal([pair for pair in pairs if not pair.id.endswith(AGAIN)], f"sides|{key}")
    for pair in pairs:
        if pair.id.endswith(AGAIN):
            first = shown.get(pair.id.removesuffix(AGAIN), tuple(range(len(pair.answers))))
            shown[pair.id] = first[::-1]
    checks = _deal(gold, f"sides|{key}|gold")
    items = [Item(pair, shown[pair.id]) for pair in pairs]
    return mixed(items, [Item(pair, checks[pair.id]) for pair in gold], gold_share, key)
