"""Ranking by typing, for a terminal or a notebook that shows no buttons. Every answer is saved before the next item."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

from labkit import LabError
from labkit.preference.events import LETTERS
from labkit.preference.items import CHOICES, Item, order
from labkit.printable import plain

if TYPE_CHECKING:
    from labkit.preference.ranking import RankingSession

_KEYS = {"a": "a", "b": "b", "g": "both_good", "n": "both_bad", "s": "skip"}
PAIR = "a = A is better, b = B is better, g = both good, n = both bad, s = skip, u = undo, q = quit"
RANK = 'best first, as in "b a=c"; s = skip, u = undo, q = quit'


def ask(session: RankingSession, read: Callable[[str], str] | None = None) -> None:
    """Show one item after the other and read a line for each, until all are judged or somebody quits.

    Args:
        session: the session to go through.
        read: gives one line, after showing its prompt, as ``input`` does; the end of the input quits.
    """
    done, total = session.progress
    print(f"Ranking as {session.annotator}: {done} of {total} done; every answer is saved in {session.log.name}.")
    session.start_timer()
    read = read or input
    while (item := session.current) is not None:
        print(_card(session, item))
        try:
            said = read(f"{PAIR if len(item.shown) == 2 else RANK}: ").strip().lower()
        except EOFError:
            said = "q"
        if said in ("q", "quit"):
            break
        try:
            print(_do(session, item, said))
        except LabError as error:
            print(f"Not saved: {plain(str(error))}")
    done, total = session.progress
    print("All judged. Thank you." if done == total else f"{done} of {total} done. Start again to go on from here.")


def _card(session: RankingSession, item: Item) -> str:
    done, total = session.progress
    parts = {"Prompt": item.question, **{f"Answer {x}": text for x, text in item.texts.items()}}
    lines = [f"\n--- {done + 1} of {total} ---"]
    for title, text in parts.items():
        lines += [f"{title}:", textwrap.indent(plain(text, lines=True), "  ")]
    return "\n".join([*lines, *([f"The labellers: {session.said}"] if session.said else [])])


def _do(session: RankingSession, item: Item, said: str) -> str:
    """One typed line as one event; says what was saved."""
    if said == "u":
        event = session.undo()
        return "Saved: last judgement taken back." if event else "There is nothing to take back."
    if said in _KEYS and (len(item.shown) == 2 or said == "s"):
        session.choose(_KEYS[said])  # type: ignore[arg-type]
        return f"Saved: {CHOICES[_KEYS[said]]}."
    if len(item.shown) == 2:
        raise LabError(f"{said[:20]!r}", "is none of the letters", f"type one of {', '.join([*_KEYS, 'u', 'q'])}")
    ranks = ranks_of(said, len(item.shown))
    session.rank(ranks)
    return f"Saved: {order(ranks)}."


def ranks_of(said: str, answers: int) -> list[int]:
    """Ranks of the answers from left to right, from letters typed best first: "b a=c" or "b > a = c" of three: 2, 1, 2.

    Raises:
        LabError: not every letter once.
    """
    groups = [group.split("=") for group in re.sub(r"\s*=\s*", "=", said.lower().replace(">", " ")).split()]
    letters = [letter for group in groups for letter in group]
    wanted = list(LETTERS[:answers].lower())
    if sorted(letters) != wanted:
        raise LabError(f"{said[:20]!r}", "does not name every answer once", 'type them best first, as in "b a=c"')
    place = {letter: rank for rank, group in enumerate(groups, 1) for letter in group}
    return [place[letter] for letter in wanted]
