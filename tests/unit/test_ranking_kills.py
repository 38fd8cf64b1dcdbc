"""Fifty kills in the middle of ranking: every click that was acknowledged is in the log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from labkit.files import read_jsonl
from labkit.preference.ranking import RankingSession
from labkit.records import Answer, Message, Pair, Ranking

ROOT = Path(__file__).resolve().parents[2]
KILLS, PAIRS = 50, 40

# A process that imports once and then forks: each fork is a kernel of its own, which ranks as fast as it can and says
# which event was acknowledged. It is killed from outside, at any point of its work.
WORK = f"""
import os, sys
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
from test_ranking_kills import make_pairs
from labkit.preference.ranking import RankingSession
for line in sys.stdin:
    if not (child := os.fork()):
        session = RankingSession(make_pairs({PAIRS}), sys.argv[1], "ana", seed=int(line))
        os.write(1, f"pid {{os.getpid()}}\\n".encode())
        n = 0
        while True:
            n += 1
            event = session.undo() if session.current is None or n % 5 == 0 else session.choose("ab"[n % 2], note="ü" * 90)
            if event:
                os.write(1, f"acknowledged {{event.id}} {{event.outcome}}\\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"dead\\n")
"""


def make_pairs(n):
    return [
        Pair(
            id=f"pair-{i:03d}",
            prompt=[Message(role="user", content=f"Question {i}?")],
            answers=[Answer(text=f"Answer {i}.{j}", source="m") for j in range(2)],
        )
        for i in range(n)
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
def test_fifty_kills_lose_no_acknowledged_click(tmp_path):
    log, rng = tmp_path / "rankings.jsonl", Random(20)
    command = [sys.executable, "-c", WORK, str(log)]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    acknowledged, torn = [], 0
    try:
        for kill in range(KILLS):
            worker.stdin.write(b"0\n")
            pid = int(worker.stdout.readline().split()[1])
            time.sleep(rng.uniform(0, 0.03))
            os.kill(pid, signal.SIGKILL)
            while (line := worker.stdout.readline().decode()) != "dead\n":
                word, name, outcome = line.split()
                assert word == "acknowledged"
                acknowledged.append((name, outcome))
            events, damaged = read_jsonl(log, Ranking) if log.exists() else ([], [])
            found = [(event.id, event.outcome) for event in events]
            assert [click for click in acknowledged if click not in set(found)] == [], f"lost after kill {kill}"
            assert len(found) - len(acknowledged) <= kill + 1, "at most the click on its way is there without a word"
            torn = len(damaged)
    finally:
        worker.stdin.close()
        worker.wait(10)
    assert len(acknowledged) > KILLS, "the kills came too early to mean anything"
    assert len(set(acknowledged)) == len(acknowledged) and len({name for name, _ in found}) == len(found)
    session = RankingSession(make_pairs(PAIRS), log, "ana")
    assert len(session.findings) == torn <= KILLS
    assert session.progress[0] == len(session.decisions())
