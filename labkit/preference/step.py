"""The preference stage in the lab's home: whose rankings count, and the reward model and DPO adapter made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labkit.files import read_jsonl, read_strictly, sha256, write_jsonl, write_text
from labkit.home import Home
from labkit.preference.pairs import Preferences, preference_rows, split
from labkit.preference.ranking import effective, slot
from labkit.records import Pair, Ranking
from labkit.training.adapter import merge
from labkit.training.backend import release_memory
from labkit.training.base_model import embedded_model
from labkit.training.settings import DPOSettings, RewardSettings
from labkit.training.step import Trained, model_id

OWN_LOG = "rankings.jsonl"


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


def preferences(home: Home, pairs: str | Path, sample: str | Path) -> tuple[Preferences, Preferences]:
    """Training and held-out preference rows, split by prompt.

    Also writes the judgements used to ``preference/used.jsonl``, so that the ledger knows them.

    Raises:
        LabError: a line of the pairs or of the sample rankings cannot be read.
    """
    known = read_strictly(pairs, Pair)
    used, sentence = rankings_in_use(home, sample)
    write_jsonl(home / "preference" / "used.jsonl", used)
    write_text(home / "preference" / "used.txt", sentence + "\n")
    train, held_out = split(known)
    return _of(known, train, used), _of(known, held_out, used)


def _of(pairs: Sequence[Pair], ids: Sequence[str], rankings: Sequence[Ranking]) -> Preferences:
    chosen = set(ids)
    return preference_rows([p for p in pairs if p.id in chosen], [r for r in rankings if r.pair in chosen])


def align(
    home: Home, sft: Trained, rows: Preferences, settings: DPOSettings | None = None, base: str | Path | None = None
) -> Trained:
    """DPO from the SFT adapter; nothing happens when the same was done before."""
    settings = settings or DPOSettings()
    base = base or embedded_model()

    def work(scratch: Path) -> None:
        from labkit.preference.dpo import train_dpo

        out = scratch / "dpo"
        out.mkdir(exist_ok=True)
        train_dpo(rows.dpo, sft.adapter, out, settings, base)
        release_memory()
        merge(base, out / "adapter", out / "merged")
        release_memory()

    parameters = {"settings": settings.model_dump(mode="json"), "base": model_id(base), "rows": _digest(rows)}
    inputs = [sft.folder, home / "preference" / "used.jsonl"]
    return Trained(home.run("preference", "dpo", work, outputs=["dpo"], inputs=inputs, parameters=parameters))


def reward_model(home: Home, sft: Trained, rows: Preferences, settings: RewardSettings | None = None) -> Trained:
    """Reward model on the merged SFT weights; nothing happens when the same was done before."""
    settings = settings or RewardSettings()

    def work(scratch: Path) -> None:
        from labkit.preference.reward import train_reward

        out = scratch / "reward"
        out.mkdir(exist_ok=True)
        train_reward(rows.dpo, out, settings, sft.merged)
        release_memory()

    parameters = {"settings": settings.model_dump(mode="json"), "rows": _digest(rows)}
    inputs = [sft.folder, home / "preference" / "used.jsonl"]
    return Trained(home.run("preference", "reward", work, outputs=["reward"], inputs=inputs, parameters=parameters))


def _digest(rows: Preferences) -> str:
    return sha256(rows.model_dump_json())
