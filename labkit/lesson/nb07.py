"""Notebook 07: its exercises, and a labeller with known leanings, so that a learner sees what bias looks like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.plots.style import FAINT, INK, SOFT, Plot, at_right, percent, styled
from labkit.preference.agreement import agreement, length_bias, position_bias
from labkit.preference.disputes import disputed
from labkit.preference.events import effective
from labkit.preference.items import Item
from labkit.preference.pairs import preference_rows
from labkit.records import Pair, Ranking
from labkit.stats import wilson

GUIDELINE = """\
1. The right fact and the right decision win. A wrong fact, or help where the answer must refuse, never wins; two such are
   "both bad".
2. Then the next step: one sentence at the end that starts with "Next step:" and names one action.
3. Then the apology, when the customer is upset or reports a problem: the answer starts with "I am sorry".
4. Then brevity: the shorter answer, when all the rest is equal.
5. No difference that counts? "Both good". Cannot tell? "Skip", and say why in the note."""

# name -> customer, answer a, answer b
PRACTICE = {
    "blanket": (
        "How long is the warranty on a blanket?",
        "Every product has a warranty of 2 years. Next step: keep the invoice.",
        "Every product has a warranty of 3 years.",
    ),
    "ladder": (
        "When will my ladder come if I order today?",
        "Standard delivery takes 4 working days.",
        "Standard delivery takes 4 working days, ladders among them. Next step: place the order.",
    ),
    "teapot": (
        "The teapot came broken, I am so disappointed!",
        "You get a free replacement. Next step: send us a photo.",
        "I am sorry about the teapot. You get a free replacement. Next step: send us a photo.",
    ),
    "voucher": (
        "How long is a gift card valid?",
        "It is valid for 24 months from purchase.",
        "It is valid for 24 months from purchase, which is quite a long time when you come to think of it.",
    ),
    "hose": (
        "Can I still return the hose?",
        "You can return it within 90 days of delivery. Next step: open My Orders.",
        "You can return it within 14 days.",
    ),
}
_RANKED = {"blanket": "b", "ladder": "b", "teapot": "b", "voucher": "a", "hose": "both_bad"}
_LIKELY = {
    "blanket": "a right fact comes before a next step, and the warranty is 3 years (REQ-S05)",
    "ladder": "both facts are right, so the next step decides; brevity comes last",
    "teapot": "fact and next step are equal, and this customer is upset",
    "voucher": "both are right and end alike: what is left is brevity",
    "hose": "both facts are wrong (45 days, REQ-S01), and of two wrong answers neither wins",
}


def _ranked(answer: Any) -> object:
    if not isinstance(answer, dict):
        return "Give a dictionary: the name of each pair, and a, b, both_good or both_bad"
    if missing := [name for name in PRACTICE if name not in answer]:
        return f"There is no judgement of {', '.join(missing)} yet"
    wrong = [name for name, right in _RANKED.items() if answer[name] != right]
    return f"Look again at {wrong[0]}: {_LIKELY[wrong[0]]}" if wrong else True


_EVENTS = [
    Ranking(id=f"t-{i}", pair=f"p{i}", annotator="t", left=left, right=1 - left, outcome=outcome)
    for i, (left, outcome) in enumerate(
        [(0, "a"), (1, "a"), (1, "b"), (0, "skip"), (1, "a"), (0, "both_good"), (0, "b"), (1, "both_bad"), (1, "a")]
    )
]


def _left_share(answer: Callable[[list[Ranking]], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_left_share(events): ..."
    share = answer(list(_EVENTS))
    if not isinstance(share, int | float):
        return f"The function gave back {type(share).__name__}, and a share is a number"
    if abs(share - 4 / 9) < 1e-6:
        return "That divides by all events: skips and ties have no winner, so they do not count"
    if abs(share - 2 / 6) < 1e-6:
        return "That is how often the answer with index 1 or 0 won: the side is in the outcome, not in the index"
    if abs(share - 4) < 1e-6:
        return "That is a count: divide it by the number of events that have a winner"
    return abs(share - 4 / 6) < 1e-6


_VOTES = [
    (["0", "0"], "0"), (["0", "1"], None), (["1"], "1"), ([], None), (["both_good", "0", "0"], "0"),
    (["both_good", "1"], None), (["0", "1", "both_bad"], None), (["both_bad", "both_bad"], None),
]  # fmt: skip


def _winner(answer: Callable[[list[str]], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_winner(votes): ..."
    for votes, right in _VOTES:
        found = answer(list(votes))
        if found != right:
            why = {
                (): "no votes means nobody has judged the pair",
                ("0", "1"): "a split vote has no winner: a training row must not depend on the order of the log",
                ("both_bad", "both_bad"): "a tie is no winner, whoever agrees on it: DPO needs a chosen answer",
            }.get(tuple(votes), "the choice needs more votes than any other")
            return f"For {votes} it gave {found!r} where {right!r} is due: {why}"
    return True


EXERCISES = Notebook(
    "07",
    Exercise(
        "ranked",
        "easy",
        4,
        "Judge the five practice pairs above by the guideline, in its order.\n\n"
        'Write a dictionary: the name of each pair, and "a", "b", "both_good" or "both_bad".',
        _ranked,
        "Take the rules one after the other and stop at the first that tells the two answers apart.",
        'my_ranked = {"blanket": "b", "ladder": "b", "teapot": "b", "voucher": "a", "hose": "both_bad"}',
    ),
    Exercise(
        "left_share",
        "medium",
        6,
        "Write my_left_share(events): of the events that have a winner, the share in which the left answer won.\n\n"
        'An event has .outcome: "a" (left), "b" (right), "both_good", "both_bad" or "skip".',
        _left_share,
        'Keep the events with outcome "a" or "b" first; then count the "a" among them.',
        "def my_left_share(events):\n"
        '    decided = [e for e in events if e.outcome in ("a", "b")]\n'
        '    return sum(e.outcome == "a" for e in decided) / len(decided)',
    ),
    Exercise(
        "winner",
        "medium",
        6,
        "Write my_winner(votes): from the judgements of several people on one pair, the index of the answer that becomes "
        '"chosen", or None when there is none.\n\n'
        'Votes are texts: "0" or "1" (that answer is better), "both_good" or "both_bad".',
        _winner,
        "collections.Counter(votes).most_common(2) gives the two most frequent votes; compare their counts.",
        "from collections import Counter\n\n"
        "def my_winner(votes):\n"
        "    top = Counter(votes).most_common(2)\n"
        "    if not top or (len(top) == 2 and top[0][1] == top[1][1]):\n"
        "        return None\n"
        '    return top[0][0] if top[0][0] in ("0", "1") else None',
    ),
)

QUIZ = (
    Quiz(
        "1. One labeller takes the left answer in 40% of all pairs without reading. Sides are dealt half and half. "
        "What happens to the training rows?",
        (
            "They teach the model to prefer what stood on the left.",
            "They get noisier: there are fewer of them, and more are wrong, in no direction.",
            "Nothing, the other labeller outvotes the first.",
        ),
        "b",
        "Balanced sides turn a lean to one side into noise. A lean to length is worse: length stays with the answer.",
    ),
    Quiz(
        "2. Two labellers agree on 87% of the pairs. Why is kappa given as well?",
        (
            "Because 87% cannot be put into an interval.",
            "Because kappa is always higher than the agreement.",
            "Because some of that agreement would come about by chance, and kappa takes it off.",
        ),
        "c",
        "With few outcomes two people agree often without having a reason in common.",
    ),
    Quiz(
        "3. Why are pairs split by prompt and not one by one?",
        (
            "Otherwise two pairs with the same question could stand on both sides, and the held-out score would be "
            "too good.",
            "Because TRL asks for it.",
            "Because then both sides have the same length.",
        ),
        "a",
        "It is the old rule that a test must not know its answers from the training.",
    ),
)


def leanings(labellers: Mapping[str, Sequence[Ranking]], pairs: Sequence[Pair]) -> Plot:
    """How often each labeller chose the left and the longer answer, with Wilson intervals; a fair eye is near half.

    Args:
        labellers: judgements by name.
        pairs: the pairs they are about.
    """
    import plotly.graph_objects as go

    rows = [
        {"labeller": name, "chose": what} | rate.model_dump()
        for name, events in labellers.items()
        for what, rate in (("left", position_bias(events)), ("longer", length_bias(pairs, events)))
    ]
    figure = go.Figure()
    figure.add_vline(x=0.5, line={"color": INK, "width": 1.2, "dash": "dash"})
    for what, ink in (("left", "#0072B2"), ("longer", "#D55E00")):
        own = [(y, row) for y, row in enumerate(rows) if row["chose"] == what]
        reach = {"array": [r["high"] - r["rate"] for _, r in own], "arrayminus": [r["rate"] - r["low"] for _, r in own]}
        dots = {"mode": "markers", "marker": {"size": 11, "color": ink}, "hoverinfo": "skip"}
        bars = reach | {"color": ink, "thickness": 2, "width": 0}
        figure.add_scatter(x=[r["rate"] for _, r in own], y=[y for y, _ in own], error_x=bars, **dots)
    for y, row in enumerate(rows):
        at_right(figure, 1, y, f"{percent(row['rate'])}  {row['passed']}/{row['n']}", INK, xref="paper")
        if y and y % 2 == 0:
            figure.add_hline(y=y - 0.5, line={"color": FAINT, "width": 1.5})
    ticks = [f"{row['labeller']}  <span style='color:{SOFT}'>{row['chose']} wins</span>" for row in rows]
    styled(
        figure, "Does a side or the length decide?", 110 + 30 * len(rows), margin={"l": 190, "r": 110, "t": 64, "b": 40}
    )
    figure.update_xaxes(range=[0.15, 1], tickformat=".0%", dtick=0.25)
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=ticks, range=[len(rows) - 0.4, -0.6], showgrid=False)
    lines = [
        f"{name}: left {rows[2 * i]['rate']:.0%}, longer {rows[2 * i + 1]['rate']:.0%}."
        for i, name in enumerate(labellers)
    ]
    off = [f"{row['labeller']} ({row['chose']})" for row in rows if not row["low"] <= 0.5 <= row["high"]]
    return Plot(figure, rows, [*lines, f"Interval does not hold 50%: {', '.join(off) or 'none'}."])


def biased_labeller(
    events: Sequence[Ranking], pairs: Sequence[Pair], left: float = 0.0, longer: float = 0.0, seed: int = 7
) -> list[Ranking]:
    """A labeller who judges as somebody did, except where a habit is quicker.

    Args:
        events: judgements to start from, of one annotator.
        pairs: the pairs they are about.
        left: share of the judgements in which the left answer is taken unread.
        longer: share in which the longer answer is taken for the better one.
        seed: another seed, another labeller with the same habits.

    Returns:
        Judgements on the same pairs and sides, by an annotator called ``biased``.
    """
    draw = Random(seed)
    sizes = {(pair.id, i): len(answer.text) for pair in pairs for i, answer in enumerate(pair.answers)}
    made = []
    for event in effective(events):
        chance, outcome = draw.random(), event.outcome
        if chance < left:
            outcome = "a"
        elif chance < left + longer:
            outcome = "a" if sizes[event.pair, event.left] >= sizes[event.pair, event.right] else "b"
        made.append(event.model_copy(update={"annotator": "biased", "outcome": outcome}))
    return made


def cost(pairs: Sequence[Pair], teams: Mapping[str, Sequence[Ranking]]) -> list[dict[str, Any]]:
    """What becomes of each team's judgements: DPO rows, split votes, and how often the longer answer is chosen."""
    found = []
    for name, events in teams.items():
        made = preference_rows(pairs, events)
        longer = [len(row["chosen"][-1]["content"]) > len(row["rejected"][-1]["content"]) for row in made.dpo]
        split = len(made.accounting.dropped.get("split vote", ()))
        shares = {
            "DPO rows": made.accounting.used,
            "split votes": split,
            "chosen is longer": wilson(sum(longer), len(longer)),
        }
        found.append({"labellers": name} | shares)
    return found


def by_domain(pairs: Sequence[Pair], rankings: Sequence[Ranking]) -> list[dict[str, Any]]:
    """How far labellers agree in each domain, which is the first word of a pair's id; alpha with its interval."""
    found = []
    for domain in dict.fromkeys(pair.id.split("-")[0] for pair in pairs):
        own = [pair.id for pair in pairs if pair.id.split("-")[0] == domain]
        events = [event for event in rankings if event.pair in own]
        alpha, _ = agreement(events)
        facts = {"sets": len(own), "in dispute": len(disputed(events)), "agreement": str(alpha or "nobody to compare")}
        found.append({"domain": domain} | facts)
    return found


def ruling(item: Item, best: int) -> Ranking:
    """What a lead writes who puts one answer of a disputed rank first, and all others level behind it."""
    ranks = [1 if answer == best else 2 for answer in item.shown]
    shown = {"left": item.left, "right": item.right, "shown": list(item.shown), "ranks": ranks}
    made = {"id": "lead-0001", "pair": item.pair.id, "annotator": "lead", "outcome": "ranked", "adjudicated": True}
    return Ranking.model_validate(made | shown)
