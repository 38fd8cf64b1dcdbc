"""Do the estimates of a ranking campaign hold the truth? Two simulated labellers whose habits are known, 100 times.

``python -m benchmarks.ranking_bias`` sends two labellers through the real session, click by click: pairs, gold items and
swapped repeats, every click in the log on disk. One reads every pair, one takes the left answer unread in 20% of all
pairs; both name the worse answer now and then. The measures of ``labkit rank stats`` then read the log, and each 95%
interval either holds the truth or does not.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.common import arguments, finish
from labkit.preference.agreement import agreement, position_bias
from labkit.preference.events import GoldPair
from labkit.preference.items import with_repeats
from labkit.preference.quality import flip_rate, gold_accuracy
from labkit.preference.ranking import RankingSession
from labkit.preference.view import RankingView
from labkit.records import Answer, Message, Pair, Ranking
from labkit.stats import wilson

SEEDS, PAIRS, REPEATS, GOLD = 100, 120, 0.25, 12


class Labeller(NamedTuple):
    """A simulated person: how often the left answer is taken unread, how often the worse one is named otherwise."""

    name: str
    habit: float
    noise: float

    @property
    def left(self) -> float:
        """P(left wins), where the better answer stands on the left half of the time."""
        return self.habit + (1 - self.habit) / 2

    @property
    def flips(self) -> float:
        """P(a judgement names the worse answer): a look at the left alone is wrong half of the time."""
        return self.habit / 2 + (1 - self.habit) * self.noise

    def judge(self, session: RankingSession, best: dict[str, int], rng: Random) -> None:
        """Click through the whole session."""
        while (item := session.current) is not None:
            wrong = rng.random() < self.noise
            left = rng.random() < self.habit or (item.left == best[item.pair.id]) != wrong
            session.choose("a" if left else "b")


PEOPLE = (Labeller("fair", 0.0, 0.10), Labeller("leaning", 0.2, 0.15))


def kappa(one: Labeller, two: Labeller) -> float:
    """The truth about their agreement beyond chance: sides are dealt to each apart, and both answers are as often best."""
    agreed = one.flips * two.flips + (1 - one.flips) * (1 - two.flips)
    return 2 * agreed - 1


def materials(rng: Random, pairs: int = PAIRS, gold: int = GOLD) -> tuple[list[Pair], list[GoldPair], dict[str, int]]:
    """Pairs, gold pairs, and which answer of each is the better one."""
    best = {f"pair-{i:03d}": rng.randrange(2) for i in range(pairs)} | {f"gold-{i:02d}": i % 2 for i in range(gold)}

    def made(name: str) -> dict[str, Any]:
        answers = [Answer(text=f"Answer {i}", source="m") for i in range(2)]
        return {"id": name, "prompt": [Message(role="user", content=f"{name}?")], "answers": answers}

    ordinary = [Pair(**made(name)) for name in best if name.startswith("pair")]
    return ordinary, [GoldPair(**made(name), right=best[name]) for name in best if name.startswith("gold")], best


def campaign(seed: int, folder: Path, people: Sequence[Labeller] = PEOPLE) -> dict[str, bool]:
    """One campaign; for each estimate, whether its interval holds the truth."""
    rng = Random(f"ranking_bias|{seed}")
    pairs, gold, best = materials(rng)
    items = with_repeats(pairs, REPEATS, seed)
    best |= {pair.id: best[pair.id.partition("+")[0]] for pair in items}
    log = folder / f"{seed}.jsonl"
    held: dict[str, bool] = {}
    events: list[Ranking] = []
    settled = {pair.id for pair in gold}
    for person in people:
        session = RankingSession(items, log, person.name, seed, gold=gold)
        person.judge(session, best, rng)
        own = [event for event in session.decisions() if event.pair not in settled]
        events += own
        left, flips, right = position_bias(own), flip_rate(own), gold_accuracy(session.decisions(), gold)
        held[f"bias {person.name}"] = left.low <= person.left <= left.high
        held[f"flips {person.name}"] = flips.low <= person.flips <= flips.high
        held[f"gold {person.name}"] = right.low <= 1 - person.flips <= right.high
    alpha, kappas = agreement(events)
    (found,) = kappas.values()
    truth = kappa(*people)
    assert alpha is not None and alpha.low is not None and alpha.high is not None
    assert found.low is not None and found.high is not None
    held["kappa"] = found.low <= truth <= found.high
    held["alpha"] = alpha.low <= truth <= alpha.high
    return held


def click_ms(folder: Path, items: int = 1000, clicks: int = 100) -> float:
    """Median milliseconds of a click on the card at the end of a long session: saved on disk, next item shown."""
    pairs, _, _ = materials(Random(0), items, 0)
    session = RankingSession(pairs, folder / "clicks.jsonl", "me")
    view = RankingView(session)
    for _ in range(items - clicks):
        session.choose("a")
    spent = []
    for i in range(clicks):
        start = time.perf_counter()
        view.buttons["ab"[i % 2]].click()
        spent.append(time.perf_counter() - start)
    return 1000 * statistics.median(spent)


def measure(seeds: int = SEEDS) -> dict[str, Any]:
    """All campaigns as the benchmark reports them."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [campaign(seed, Path(folder)) for seed in range(seeds)]
        took = click_ms(Path(folder))
    covered = {name: sum(run[name] for run in runs) for name in runs[0]}
    rates = {name: wilson(count, seeds) for name, count in covered.items()}
    return {
        "coverage_bias_0": covered["bias fair"],
        "coverage_bias_02": covered["bias leaning"],
        "coverage": covered,
        "intervals": {name: [round(rate.low, 3), round(rate.high, 3)] for name, rate in rates.items()},
        "seeds": seeds,
        "pairs": PAIRS,
        "repeats": round(REPEATS * PAIRS),
        "gold": GOLD,
        "truth": {p.name: {"left": round(p.left, 4), "flips": round(p.flips, 4)} for p in PEOPLE}
        | {"kappa": round(kappa(*PEOPLE), 4)},
        "click_ms": round(took, 1),
    }


def main() -> None:
    """Run the campaigns and print their table."""
    options = arguments(
        "Coverage of the estimates of a ranking campaign by two labellers with known habits."
    ).parse_args()
    result = measure()
    print(
        f"{result['seeds']} campaigns of {result['pairs']} pairs, {result['repeats']} repeats and {result['gold']} gold items; "
        "95% intervals that hold the truth\n"
    )
    print(f"{'estimate':22}{'truth':>8}{'held':>10}{'95% interval':>18}")
    people = result["truth"]
    for name, count in result["coverage"].items():
        what, _, who = name.partition(" ")
        truth = people["kappa"] if not who else people[who]["left" if what == "bias" else "flips"]
        truth = 1 - truth if what == "gold" else truth
        low, high = result["intervals"][name]
        held = f"{count}/{result['seeds']}"
        print(f"{name:22}{truth:>8.3f}{held:>10}{f'{low:.0%}-{high:.0%}':>18}")
    print(f"\nA click on the card, 1,000 items in the log: {result['click_ms']} ms")
    finish("ranking_bias", result, options)


if __name__ == "__main__":
    main()
