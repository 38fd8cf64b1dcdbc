"""Notebook 04: its exercises, a key, the way back from a file, and one invented person to forget."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from labkit.checks import Context
from labkit.files import write_jsonl
from labkit.governance.clearance import consent
from labkit.governance.mask import KeyFile, save_key
from labkit.home import Home
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.policy import Clearance
from labkit.records import Example, Message, Provenance

KEY = bytes(range(32))  # of the lesson, so that its outputs are the same everywhere; a real key is made at random
PERSON = "wilma.oakhurst@postfach-linde.net"  # nobody's
Row = dict[str, Any]


# --- time, keys, lineage ----------------------------------------------------------------------------------------------


def past_their_time(rows: Sequence[Example], clearance: Clearance, days: Iterable[datetime.date]) -> list[Row]:
    """How many rows are older than their source may be kept, on each of the days."""
    table = []
    for day in days:
        context = Context(clearance=clearance, today=day)
        old = {row.id for row in rows if any("days old" in hit.message for hit in consent(row, context))}
        table.append({"day": day.isoformat(), "rows past their time": len(old), "of": len(rows)})
    return table


def vault() -> Path:
    """A key file in a folder of its own, far from the data. It is gone with the machine's temporary files."""
    path = Path(tempfile.mkdtemp(prefix="vault-")) / "tallgrove.key"
    save_key(path, KeyFile(key=KEY.hex()))
    return path


def lineage(home: Home, file: Path) -> list[Row]:
    """What a file was made from, and that from what, back to files that nothing in the ledger made."""
    table: list[Row] = []
    wanted = [str(file.resolve())]
    for entry in reversed(home.entries()):
        made = next((a for a in entry.outputs if str((home.path / a.path).resolve()) in wanted), None)
        if made:
            used = ", ".join(f"{Path(a.path).name} {a.sha256[:8]}" for a in entry.inputs)
            name = f"{Path(made.path).name} {made.sha256[:8]}"
            table.append({"file": name, "step": f"{entry.stage}/{entry.name}", "made from": used})
            wanted = [w for w in wanted if w != str((home.path / made.path).resolve())]
            wanted += [str((home.path / a.path).resolve()) for a in entry.inputs]
    return table


def tampered(folder: Path, name: str) -> Path:
    """A copy of the metadata and of the rows it describes, in which one letter of the rows is another."""
    place = Path(tempfile.mkdtemp(prefix="copy-"))
    described = Path(shutil.copy(folder / f"{name}.croissant.json", place))
    rows = Path(shutil.copy(folder / f"{name}.masked.jsonl", place))
    data = bytearray(rows.read_bytes())
    data[data.index(b"e", len(data) // 2)] = ord("a")
    rows.write_bytes(data)
    return described


def with_person(rows: Sequence[Example], place: Path) -> Path:
    """Write the rows and four more about an invented person: two with her address, one made of the first, one by name."""
    made = Provenance(
        source="helpdesk export",
        owner="Tallgrove customer care",
        licence="CC0-1.0",
        consent="given",
        collected_at="2026-09-14",
    )
    told = [
        (f"Please write to {PERSON} when my refund is on its way.", [], "We write to you as soon as it is."),
        ("My address is Wilma.Oakhurst [at] postfach-linde [dot] net, the old one is dead.", [], "It is changed."),
        ("Please write to me when my refund is on its way.", ["w-1"], "We write to you as soon as it is."),
        ("Customer Wilma Oakhurst asks for a second invoice.", [], "The invoice is sent again."),
    ]
    own = [
        Example(
            id=f"w-{i}",
            prompt=[Message(role="user", content=asked)],
            response=answer,
            provenance=made.model_copy(update={"parents": parents, "transform": "shortened" if parents else None}),
        )
        for i, (asked, parents, answer) in enumerate(told, 1)
    ]
    return write_jsonl(place / "rows.jsonl", [*rows, *own])


# --- exercises --------------------------------------------------------------------------------------------------------


def _luhn(number: str, first: int = 1, fold: bool = True, right: bool = True) -> bool:
    digits = [int(d) for d in (reversed(number) if right else number)]
    doubled = [d * 2 if i % 2 == first else d for i, d in enumerate(digits)]
    return sum(d - 9 if fold and d > 9 else d for d in doubled) % 10 == 0


_NUMBERS = (
    "4000007701234566", "7300419588622047", "7300419588622048", "378282246310005", "378282246310015", "79927398713",
    "79927398710", "2720990012345671", "18", "19", "91",
)  # fmt: skip
_SLIPS = (
    ({"fold": False}, "A doubled digit over 9 counts as the sum of its two digits: 16 counts 7"),
    ({"right": False}, "Count from the right: the last digit is never doubled, whether the number is long or short"),
    ({"first": 0}, "The last digit is the check digit: it is not doubled, the one before it is"),
)


def _luhn_check(answer: Callable[[str], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_luhn(number): ..."
    said = [answer(number) for number in _NUMBERS]
    if odd := [value for value in said if not isinstance(value, bool | int)]:
        return f"The function gave back {type(odd[0]).__name__}, and True or False is asked for"
    if [bool(value) for value in said] == [_luhn(number) for number in _NUMBERS]:
        return True if all(isinstance(value, bool) for value in said) else "Give True or False: compare the rest with 0"
    for slip, why in _SLIPS:
        if [bool(value) for value in said] == [_luhn(number, **slip) for number in _NUMBERS]:
            return why
    wrong = next(n for n, value in zip(_NUMBERS, said, strict=True) if bool(value) != _luhn(n))
    return f"For {wrong} it gave {not _luhn(wrong)}, and {_luhn(wrong)} is due"


# name -> licence, source, consent, day of collection; whether it may be used as it stands on TODAY; the reason
PRACTICE: dict[str, tuple[tuple[str, str, str, str], bool, str]] = {
    "manual": (
        ("CC BY 4.0", "manual team", "unknown", "2021-05-02"),
        True,
        "the licence is an alias of an allowed one, and this source needs no consent and has no limit of time",
    ),
    "chat": (("CC0-1.0", "chat log", "given", "2025-11-20"), False, "it is 368 days old, and chats are kept for 365"),
    "letter": (
        ("CC0-1.0", "helpdesk export", "unknown", "2026-06-01"),
        False,
        "unknown is no consent, and this source needs it",
    ),
    "forum": (
        ("CC-BY-NC-4.0 OR CC-BY-4.0", "public forum", "given", "2026-02-11"),
        True,
        "OR lets you choose, and one of the two is allowed",
    ),
    "merged": (
        ("CC-BY-4.0 AND CC-BY-NC-4.0", "partner feed", "not_required", "2026-02-11"),
        False,
        "AND binds you to both, and one of the two is forbidden",
    ),
    "survey": (("GPLv3", "survey 2025", "given", "2026-05-30"), False, "'ask' is no yes: somebody must decide first"),
}


def practice() -> list[Row]:
    """The rows of the exercise on terms."""
    heads = ("licence", "source", "consent", "collected")
    return [{"row": name} | dict(zip(heads, entry, strict=True)) for name, (entry, _, _) in PRACTICE.items()]


def _terms(answer: Any) -> object:
    if not isinstance(answer, dict):
        return "Give a dictionary: the name of each row, and True or False"
    if missing := [name for name in PRACTICE if name not in answer]:
        return f"There is no decision on {', '.join(missing)} yet"
    wrong = [f"{name}: {why}" for name, (_, due, why) in PRACTICE.items() if answer[name] is not due]
    return f"Look again at {wrong[0]}" if wrong else True


_CUSTOMERS: tuple[tuple[str, list[str], str], ...] = (
    ("I am customer C-204817, hello.", ["C-204817"], "a plain number"),
    ("My number: c-118204", ["c-118204"], "people type small letters, too"),
    ("Merge C-204817 and C-330951.", ["C-204817", "C-330951"], "there may be two, and a full stop may follow"),
    ("Spare part C-2048176 for the mower", [], "seven digits are a part, not a customer"),
    ("Order EC-204817 is late", [], "EC- is an order: the C must not be the end of another word"),
    ("Shelf C-20481", [], "five digits are a shelf"),
    ("Nothing here", [], "there is none"),
)


def _customers(answer: Callable[[str], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_customers(text): ..."
    for text, due, why in _CUSTOMERS:
        said = answer(text)
        if isinstance(said, str) or not hasattr(said, "__iter__"):
            return f"The function gave back {type(said).__name__}, and a list of texts is asked for"
        if (given := list(said)) != due:
            return f"For {text!r} it gave {given} where {due} is due: {why}"
    return True


EXERCISES = Notebook(
    "04",
    Exercise(
        "luhn",
        "medium",
        8,
        "Write my_luhn(number): whether a text of digits passes the Luhn check.\n\n"
        "Double every second digit, counted from the right and beginning with the last but one. A doubled digit over 9 counts "
        "as the sum of its two digits. The number passes when the sum of all digits can be divided by 10.",
        _luhn_check,
        "number[::-1] is the number from the right; in it, the digits at the odd places are doubled. 16 - 9 is 1 + 6.",
        "def my_luhn(number):\n"
        "    total = 0\n"
        "    for place, digit in enumerate(number[::-1]):\n"
        "        value = int(digit) * (2 if place % 2 else 1)\n"
        "        total += value - 9 if value > 9 else value\n"
        "    return total % 10 == 0",
    ),
    Exercise(
        "customers",
        "medium",
        6,
        "The lab does not know what is personal in your company. At Tallgrove a customer number is a C, a hyphen and six "
        "digits.\n\nWrite my_customers(text): the list of the customer numbers in a text, as they stand there. Orders "
        "(EC-204817) and parts (C-2048176) are none.",
        _customers,
        r"re.findall with re.IGNORECASE; \b asks for the edge of a word, on both sides.",
        'import re\n\ndef my_customers(text):\n    return re.findall(r"\\bC-\\d{6}\\b", text, re.IGNORECASE)',
    ),
    Exercise(
        "terms",
        "easy",
        5,
        "Decide about the six rows above by the clearance file, on 23 November 2026.\n\n"
        "Write a dictionary: the name of each row, and True where it may be used as it stands, else False.",
        _terms,
        "Three questions a row: is the licence allowed, is there the consent the source needs, is it young enough?",
        "my_terms = {" + ", ".join(f'"{name}": {due}' for name, (_, due, _) in PRACTICE.items()) + "}",
    ),
)

QUIZ = (
    Quiz(
        "1. A number of 16 digits passes the Luhn check. What does that show?",
        (
            "That it is a card in use.",
            "Not much: of numbers made at random one in ten passes, so the words around it have to decide.",
            "That somebody paid with it.",
        ),
        "b",
        "A checksum is a check digit, made against typing errors; it rules numbers out, never in.",
    ),
    Quiz(
        "2. All personal data in a file has been replaced by pseudonyms. May you treat it as if nobody stood in it?",
        (
            "Yes, nobody can read a pseudonym.",
            "Yes, when the key lies in another folder.",
            "No: whoever holds the key can undo it, and one person can still be followed through all rows.",
        ),
        "c",
        "Pseudonyms keep rows useful and lower the risk; for a file without persons, mask by kind and keep no key.",
    ),
    Quiz(
        "3. The screen for injection and unsafe words finds nothing in your rows. What do you write into the report?",
        (
            "That no phrase of the lists was found, in English, and what the lists were seen to miss.",
            "That the rows are safe.",
            "Nothing, because it found nothing.",
        ),
        "a",
        "A passed check is worth as much as its known recall, and the report has to name both.",
    ),
)
