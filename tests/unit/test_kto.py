"""KTO without a model: the weights of thumbs, the order of rows, a file of thumbs, and noise measured for the robust loss."""

from __future__ import annotations

import json
import random
from itertools import count
from pathlib import Path

import pytest

from labkit import LabError, cli
from labkit.preference.events import AGAIN
from labkit.preference.kto import HIGHEST, mixed, weights
from labkit.preference.step import robust_settings
from labkit.preference.thumbs import read_thumbs
from labkit.records import Ranking
from labkit.training.settings import DPOSettings, KTOSettings

_ids = count()


def rows(ups: int, downs: int) -> list[dict]:
    return [{"pair": f"r{i}", "label": i < ups} for i in range(ups + downs)]


@pytest.mark.parametrize("ups", [1, 5, 9, 10, 11, 13, 14, 40, 300])
@pytest.mark.parametrize("downs", [1, 10, 37])
def test_weighted_thumbs_balance_within_the_bounds_of_the_paper(ups: int, downs: int) -> None:
    up, down = weights(rows(ups, downs))
    assert 1 - 1e-3 <= up * ups / (down * downs) <= HIGHEST + 1e-3
    assert min(up, down) == 1.0  # the rarer kind is raised, the other left alone


@pytest.mark.parametrize(("ups", "downs", "said"), [(0, 0, "no rows"), (3, 0, "no thumb down"), (0, 3, "no thumb up")])
def test_one_kind_of_thumb_alone_is_refused(ups: int, downs: int, said: str) -> None:
    with pytest.raises(LabError, match=said):
        weights(rows(ups, downs))


@pytest.mark.parametrize(("ups", "downs"), [(12, 12), (20, 10), (5, 25)])
def test_both_kinds_stand_evenly_in_every_stretch(ups: int, downs: int) -> None:
    given = rows(ups, downs)
    ordered = mixed(given, seed=1)
    assert sorted(r["pair"] for r in ordered) == sorted(r["pair"] for r in given)
    assert ordered == mixed(given, seed=1) != mixed(given, seed=2)
    share = ups / (ups + downs)
    for start in range(0, len(ordered) - 6, 6):
        assert abs(sum(r["label"] for r in ordered[start : start + 6]) - 6 * share) <= 1


def test_a_batch_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size"):
        KTOSettings(batch_size=1)


def written(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_a_file_of_thumbs_becomes_rows(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "When?"}]
    answer = [{"role": "assistant", "content": "Soon."}]
    file = written(
        tmp_path / "thumbs.jsonl",
        {"id": "t-1", "prompt": "Where?", "completion": "Here.", "label": True},
        {"prompt": chat, "completion": answer, "label": False},
    )
    found, findings = read_thumbs(file)
    assert findings == []
    asked = [{"role": "user", "content": "Where?"}]
    said = [{"role": "assistant", "content": "Here."}]
    assert found == [
        {"pair": "t-1", "prompt": asked, "completion": said, "label": True},
        {"pair": "thumb-2", "prompt": chat, "completion": answer, "label": False},
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": "a"', "not JSON"),
        ({"prompt": "a", "completion": "b"}, "label"),
        ({"prompt": "a", "completion": "b", "label": 1}, "label"),
        ({"prompt": [], "completion": "b", "label": True}, "prompt"),
        ({"prompt": "a", "completion": " ", "label": True}, "empty"),
        ({"prompt": "Why?", "completion": "Because.", "label": False}, "a thumb up and a thumb down"),
        ({"prompt": "a", "completion": "b", "label": True, "stars": 5}, "stars"),
    ],
)
def test_what_cannot_be_learned_is_reported(tmp_path: Path, line: object, said: str) -> None:
    file = written(tmp_path / "t.jsonl", {"prompt": "Why?", "completion": "Because.", "label": True}, line)
    found, findings = read_thumbs(file)
    assert findings and all(said in finding.message for finding in findings)
    assert len(found) == (0 if "thumb down" in said else 1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "needs either --thumbs, or --pairs with --rankings"),
        (["--thumbs", "x", "--pairs", "y", "--rankings", "z"], "needs either"),
        (["--pairs", "y"], "needs either"),
        (["--thumbs", "x"], "is not there yet"),
    ],
)
def test_the_verb_refuses_what_it_cannot_use(tmp_path: Path, capsys, more: list[str], said: str) -> None:
    assert cli.run(["train", "kto", "--home", str(tmp_path / "home"), *more]) == 2
    assert said in capsys.readouterr().err


def judged(pair: str, outcome: str, swapped: bool = False) -> Ranking:
    left, right = (1, 0) if swapped else (0, 1)
    return Ranking(id=f"e{next(_ids)}", pair=pair, annotator="ana", left=left, right=right, outcome=outcome)


def noisy(items: int, slips: float, seed: int = 0) -> list[Ranking]:
    """A person who judges every item twice, the second time with swapped sides, and slips at random."""
    draw = random.Random(seed)
    return [
        judged(f"p{i}{again}", {"a": "b", "b": "a"}[good] if draw.random() < slips else good, swapped=bool(again))
        for i in range(items)
        for again, good in (("", "a"), (AGAIN, "b"))
    ]


@pytest.mark.parametrize("slips", [0.0, 0.05, 0.15])
def test_the_robust_loss_gets_the_share_of_slips_that_repeats_show(slips: float) -> None:
    settings, sentence = robust_settings(noisy(4000, slips))
    assert (settings.loss, settings.label_smoothing) == ("robust", pytest.approx(slips, abs=0.012))
    assert "of 4000 repeats" in sentence and settings.first_loss == DPOSettings().first_loss


def test_other_settings_are_kept() -> None:
    assert robust_settings(noisy(50, 0.1), DPOSettings(beta=0.3, epochs=2))[0].beta == 0.3


@pytest.mark.parametrize(
    ("log", "said"),
    [([judged("p1", "a")], "no item was judged twice"), (noisy(400, 0.5), "near chance")],
)
def test_noise_that_cannot_be_measured_or_allowed_for_is_refused(log: list[Ranking], said: str) -> None:
    with pytest.raises(LabError, match=said):
        robust_settings(log)
