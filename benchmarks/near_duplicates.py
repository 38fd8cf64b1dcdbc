"""Near-duplicate search beside two others: planted duplicates found, look-alikes merged, rows a second, peak memory.

``python -m benchmarks.near_duplicates`` takes real rows nobody here wrote, adds edited copies of some (which must be
found) and copies with other numbers (which must not), and runs each method in a process of its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import arguments, finish
from benchmarks.learning import SHARED

PLANTS = 500  # of each kind
SHORTEST = 60  # characters of a row that is worth copying
BOILERPLATE = [
    ("Hello, I hope this message finds you well. ", " Thank you very much in advance for your help."),
    ("Good morning, ", " Kind regards, sent from my phone. Please do not print this message."),
    ("Dear team, I have a request for you. ", " Please get back to me soon."),
]
_PERMUTATIONS = 128


class Plant(NamedTuple):
    """A copy of row ``source`` that stands at index ``row``."""

    row: int
    source: int
    sub: str


def real_rows(shared: Path = SHARED) -> list[str]:
    """About 32,000 texts of five data sets: support answers, intents, instructions, comparisons, texts with names."""
    with open(next((shared / "bitext_support").glob("*.csv")), encoding="utf-8-sig", newline="") as stream:
        texts = [f"{row['instruction']}\n{row['response']}" for row in csv.DictReader(stream)]
    intents = json.loads((shared / "clinc150" / "data_oos_plus.json").read_text())
    texts += [text for part in intents.values() for text, _ in part]
    tuned = json.loads((shared / "rasbt_instructions" / "instruction-data-with-preference.json").read_text())
    texts += [f"{row['instruction']}\n{row['input']}\n{row['output']}" for row in tuned]
    texts += [row["full_text"] for row in json.loads((shared / "presidio_research" / "synth_dataset_v2.json").read_text())]
    compared = json.loads((shared / "pandalm" / "testset-v1.json").read_text())
    return texts + [f"{row['instruction']}\n{row['input']}\n{row['response1']}" for row in compared]


def edited(text: str, share: float, draw: random.Random, words: Sequence[str]) -> str:
    """A share of the words (never a number) dropped, doubled, misspelt or replaced, each as often."""
    parts = re.split(r"(\s+)", text)
    places = [i for i, part in enumerate(parts) if part.isalpha()]
    for place in draw.sample(places, min(len(places), max(1, round(share * len(places))))):
        word, at = parts[place], draw.randrange(len(parts[place]))
        misspelt = word[:at] + word[at + 1 :] if len(word) > 1 else word * 2
        parts[place] = draw.choice(["", f"{word} {word}", misspelt, draw.choice(words)])
    return "".join(parts)


def other_numbers(text: str, draw: random.Random) -> str:
    """Every number changed to another one of the same length: alike in letters, another matter in meaning."""

    def other(match: re.Match[str]) -> str:
        low = 10 ** (len(match[0]) - 1)
        return str((int(match[0]) - low + draw.randrange(1, 9 * low)) % (9 * low) + low)

    return re.sub(r"\d+", other, text)


def planted(texts: Sequence[str], seed: int = 0) -> tuple[list[str], list[Plant]]:
    """The texts with the copies among them, in a drawn order."""
    draw = random.Random(seed)
    long_enough = [i for i, text in enumerate(texts) if len(text) >= SHORTEST]
    numbered = [i for i in long_enough if re.search(r"\d\d", texts[i])]  # more than the numbers of a list
    words = sorted({word for text in texts for word in text.split() if word.isalpha()})
    makers: dict[str, Callable[[str], str]] = {
        "case and punctuation": lambda t: re.sub(r"[.,!?](?!\d)", lambda _: draw.choice(["!", " -", "..."]), t.swapcase()) + "!",
        "5% edit": lambda t: edited(t, 0.05, draw, words),
        "20% edit": lambda t: edited(t, 0.2, draw, words),
        "boilerplate": lambda t: t.join(draw.choice(BOILERPLATE)),
        "cut to 70%": lambda t: t[: int(0.7 * len(t))],
        "other numbers": lambda t: other_numbers(t, draw),
    }
    made = [
        (source, sub, make(texts[source]))
        for sub, make in makers.items()
        for source in draw.sample(numbered if sub == "other numbers" else long_enough, PLANTS)
    ]
    order = list(range(len(texts) + len(made)))
    draw.shuffle(order)
    together = [*texts, *(text for _, _, text in made)]
    place = {old: new for new, old in enumerate(order)}
    plants = [Plant(place[len(texts) + k], place[source], sub) for k, (source, sub, _) in enumerate(made)]
    return [together[i] for i in order], plants


def word_3_grams(text: str) -> set[str]:
    """Runs of three words of the lower-case text."""
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def char_5_grams(text: str) -> set[str]:
    """Runs of five characters of the lower-case text."""
    folded = " ".join(re.findall(r"\w+", text.lower()))
    return {folded[i : i + 5] for i in range(max(1, len(folded) - 4))}


def ours(texts: Sequence[str]) -> Iterable[tuple[int, int]]:
    """The lab's own two stages."""
    from labkit.curation.near_duplicates import duplicate_pairs

    return [(p.a, p.b) for p in duplicate_pairs(texts)]


def datasketch(texts: Sequence[str]) -> Iterable[tuple[int, int]]:
    """MinHash and its index as the package's guide has them: .7, word 3-grams."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=0.7, num_perm=_PERMUTATIONS)
    hashes = MinHash.bulk([[g.encode() for g in word_3_grams(t)] for t in texts], num_perm=_PERMUTATIONS)
    for row, one in enumerate(hashes):
        index.insert(row, one)
    return [(row, other) for row, one in enumerate(hashes) for other in index.query(one) if other != row]


def rensa(texts: Sequence[str], threshold: float, grams: Callable[[str], set[str]]) -> Iterable[tuple[int, int]]:
    """MinHash in batches, candidates kept where the estimate reaches the threshold."""
    from rensa import RMinHash, RMinHashLSH

    bands = 16 if threshold >= 0.7 else 32  # rows a band: 8 and 4
    hashes = RMinHash.from_token_sets([list(grams(t)) for t in texts], num_perm=_PERMUTATIONS, seed=42)
    index = RMinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS, num_bands=bands)
    index.insert_many(hashes)
    return [
        (row, other)
        for row, found in enumerate(index.query_all(hashes))
        for other in found
        if other != row and hashes[row].jaccard(hashes[other]) >= threshold
    ]


METHODS: dict[str, Callable[[Sequence[str]], Iterable[tuple[int, int]]]] = {
    "ours": ours,
    "datasketch": datasketch,
    "rensa": lambda texts: rensa(texts, 0.7, word_3_grams),
    "rensa .5 char": lambda texts: rensa(texts, 0.5, char_5_grams),
}


def measure(method: str, data: Path) -> dict[str, Any]:
    """Time one method in this process and count what it found. Loading the rows is not timed."""
    loaded = json.loads(data.read_text())
    texts, plants = loaded["texts"], [Plant(*p) for p in loaded["plants"]]
    before = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ours says how many rows were crowded
        pairs = METHODS[method](texts)
    seconds = time.perf_counter() - before
    found = {frozenset(pair) for pair in pairs}
    hits: dict[str, list[bool]] = defaultdict(list)
    for plant in plants:
        hits[plant.sub].append(frozenset((plant.row, plant.source)) in found)
    merged = hits.pop("other numbers")
    return {
        "rows": len(texts),
        "rows_per_s": round(len(texts) / seconds),
        "recall": round(sum(map(sum, hits.values())) / sum(map(len, hits.values())), 4),
        "hard_negatives": sum(merged) / len(merged),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "pairs": len(found),
        "by_sub": {sub: sum(h) / len(h) for sub, h in hits.items()},
    }


def apart(method: str, data: Path) -> dict[str, Any]:
    """Measure in a fresh process, so that peak memory is the method's own."""
    command = [sys.executable, "-m", "benchmarks.near_duplicates", "--method", method, "--data", str(data)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def main() -> None:
    """Run all methods on the same rows and print the table."""
    parser = arguments("Near-duplicate search: recall on planted copies, speed and memory, beside datasketch and rensa.")
    parser.add_argument("--method", choices=list(METHODS), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.method:
        print(json.dumps(measure(options.method, options.data)))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.json"
        texts, plants = planted(real_rows())
        data.write_text(json.dumps({"texts": texts, "plants": plants}))
        found = {name: apart(name, data) for name in METHODS}
    print(f"{len(texts):,} rows, {PLANTS} planted of each kind\n")
    subs = list(found["ours"]["by_sub"])
    print(f"{'method':16}{'rows/s':>8}{'MB':>6}  " + "".join(f"{s:>22}" for s in subs) + f"{'other numbers merged':>22}")
    for name, one in found.items():
        rates = "".join(f"{one['by_sub'][s]:>22.3f}" for s in subs)
        print(f"{name:16}{one['rows_per_s']:>8,}{one['peak_mb']:>6}  {rates}{one['hard_negatives']:>22.3f}")
    own = found.pop("ours")
    finish("near_duplicates", {**own, "peers": found}, options)


if __name__ == "__main__":
    main()
