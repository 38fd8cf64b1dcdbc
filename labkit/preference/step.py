"""The preference stage in the lab's home: whose rankings count, and the reward model and adapters made of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.files import read_jsonl, read_strictly, sha256, write_jsonl, write_text
from labkit.home import Home
from labkit.preference.pairs import Disagreement, Preferences, preference_rows, split
from labkit.preference.quality import flip_rate
from labkit.preference.ranking import effective, slot
from labkit.records import Pair, Ranking
from labkit.training.adapter import merge
from labkit.training.backend import release_memory
from labkit.training.base_model import embedded_model
from labkit.training.fit import before_training
from labkit.training.settings import DPOSettings, KTOSettings, RewardSettings
from labkit.training.step import Trained, model_id

OWN_LOG = "rankings.jsonl"
MOST_FLIPS = 0.4


def own_log(home: Home) -> Path:
    """The learner's own ranking log."""
    return home / "preference" / OWN_LOG


def rankings_in_use(home: Home, sample: str | Path) -> tuple[list[Ranking], str]:
    """The judgements that count: the learner's own where there are any, the sample labellers' for all other pairs.

    Returns:
        The judgements, and a sentence that says whose they are.
    """
    shipped = effective(read_strictly(sample, Ranking))
    own = effective(read_jsonl(own_log(home), Ranking)[0]) if own_log(home).exists() else []
    mine = {slot(event) for event in own}
    rest = [event for event in shipped if slot(event) not in mine]
    who = ", ".join(sorted({event.annotator for event in rest}))
    if not own:
        return rest, f"Used: {len(rest)} sample judgements by {who} (you have ranked nothing yet)."
    return [
        *own,
        *rest,
    ], f"Used: your own {len(own)} judgements, and {len(rest)} sample ones by {who} for the other pairs."


def preferences(
    home: Home, pairs: str | Path, sample: str | Path, disagreement: Disagreement = "majority"
) -> tuple[Preferences, Preferences]:
    """Training and held-out preference rows, split by prompt; held-out rows go by majority in any case.

    Also writes the judgements used to ``preference/used.jsonl``, so that the ledger knows them.

    Raises:
        LabError: a line of the pairs or of the sample rankings cannot be read.
    """
    known = read_strictly(pairs, Pair)
    used, sentence = rankings_in_use(home, sample)
    write_jsonl(home / "preference" / "used.jsonl", used)
    write_text(home / "preference" / "used.txt", sentence + "\n")
    train, held_out = split(known)
    return _of(known, train, used, disagreement), _of(known, held_out, used)


def robust_settings(rankings: Sequence[Ranking], settings: DPOSettings | None = None) -> tuple[DPOSettings, str]:
    """DPO settings that allow for as much noise in single judgements as repeated items show.

    The measured flip rate becomes the label smoothing of the ``robust`` loss (Chowdhury et al. 2024). It belongs to rows
    that every judgement made (``disagreement="every"``); a majority has less noise than one person.

    Returns:
        The settings, and a sentence that says what was measured.

    Raises:
        LabError: no item was judged twice by one person, or so many judgements flip that nothing is left to learn.
    """
    flips = flip_rate(rankings)
    if not flips.n:
        raise LabError(
            "robust loss", "no item was judged twice by the same person", "rank with repeats, or leave it out"
        )
    if flips.rate > MOST_FLIPS:
        raise LabError("robust loss", f"{flips}, which is near chance", "mend the guideline and rank again")
    kept = (settings or DPOSettings()).model_dump()
    chosen = DPOSettings.model_validate({**kept, "loss": "robust", "label_smoothing": round(flips.rate, 4)})
    return chosen, f"{flips}; label smoothing {chosen.label_smoothing:g}."


def _of(
    pairs: Sequence[Pair], ids: Sequence[str], rankings: Sequence[Ranking], disagreement: Disagreement = "majority"
) -> Preferences:
    chosen = set(ids)
    mine = [r for r in rankings if r.pair in chosen]
    return preference_rows([p for p in pairs if p.id in chosen], mine, disagreement=disagreement)


def align(
    home: Home, sft: Trained, rows: Preferences, settings: DPOSettings | None = None, base: str | Path | None = None
) -> Trained:
    """DPO from the SFT adapter; nothing happens when the same was done before."""
    settings = settings or DPOSettings()

    def train(out: Path, model: str | Path) -> None:
        from labkit.preference.dpo import train_dpo

        before_training("dpo", settings, model, rows.dpo, sft.lora)
        train_dpo(rows.dpo, sft.adapter, out, settings, model)

    return _aligned(home, "dpo", sft, train, settings, _digest(rows), [home / "preference" / "used.jsonl"], base)


def thumbs(
    home: Home,
    sft: Trained,
    rows: Sequence[dict[str, Any]],
    source: Path,
    settings: KTOSettings | None = None,
    base: str | Path | None = None,
) -> Trained:
    """KTO from the SFT adapter; nothing happens when the same was done before.

    Args:
        home: the lab's home.
        sft: where it starts.
        rows: KTO rows, of rankings (``Preferences.kto``) or of :func:`labkit.preference.thumbs.read_thumbs`.
        source: the file they came from, for the ledger.
        settings: every knob.
        base: the model the SFT adapter was trained on.

    Raises:
        LabError: as :func:`labkit.preference.kto.train_kto`.
    """
    settings = settings or KTOSettings()

    def train(out: Path, model: str | Path) -> None:
        from labkit.preference.kto import train_kto

        before_training("kto", settings, model, rows, sft.lora)
        train_kto(rows, sft.adapter, out, settings, model)

    return _aligned(home, "kto", sft, train, settings, sha256(json.dumps(list(rows))), [source], base)


def _aligned(
    home: Home,
    name: str,
    sft: Trained,
    train: Callable[[Path, str | Path], None],
    settings: DPOSettings | KTOSettings,
    digest: str,
    sources: Sequence[Path],
    base: str | Path | None,
) -> Trained:
    model = base or embedded_model()

    def work(scratch: Path) -> None:
        out = scratch / name
        out.mkdir(exist_ok=True)
        train(out, model)
        release_memory()
        merge(model, out / "adapter", out / "merged")
        release_memory()

    parameters = {"settings": settings.model_dump(mode="json"), "base": model_id(model), "rows": digest}
    inputs = [sft.folder, *sources]
    return Trained(home.run("preference", name, work, outputs=[name], inputs=inputs, parameters=parameters))


def reward_model(home: Home, sft: Trained, rows: Preferences, settings: RewardSettings | None = None) -> Trained:
    """Reward model on the merged SFT weights; nothing happens when the same was done before."""
    settings = settings or RewardSettings()

    def work(scratch: Path) -> None:
        from labkit.preference.reward import train_reward

        out = scratch / "reward"
        out.mkdir(exist_ok=True)
        before_training("reward", settings, sft.merged, rows.dpo)
        train_reward(rows.dpo, out, settings, sft.merged)
        release_memory()

    parameters = {"settings": settings.model_dump(mode="json"), "rows": _digest(rows)}
    inputs = [sft.folder, home / "preference" / "used.jsonl"]
    return Trained(home.run("preference", "reward", work, outputs=["reward"], inputs=inputs, parameters=parameters))


def _digest(rows: Preferences) -> str:
    return sha256(rows.model_dump_json())
