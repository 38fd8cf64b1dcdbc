"""The model card on Hugging Face's template: what the model is, learned and cannot do, and what the card leaves open.

Facts come from the manifest and the gate, so nobody can forget the known limits; what nobody told stays a named gap.
"""

from __future__ import annotations

import re

from labkit.release.gate import Decision
from labkit.release.markdown import inline
from labkit.release.sign import Signature
from labkit.training.adapter import Manifest

_NEEDED = "[More Information Needed]"  # what the template says where nothing was filled in


def text(
    manifest: Manifest,
    decision: Decision,
    purpose: str,
    signature: Signature | None = None,
    *,
    out_of_scope: str = "",
    licence: str = "",
    language: str = "",
) -> str:
    """The card as Markdown, with the metadata that model hubs read on top; the last section lists the gaps.

    Args:
        manifest: of the adapter to be released.
        decision: the gate's word on it; its broken and undecided items become the known limits.
        purpose: what the model is for, in a person's words.
        signature: who signed, if anybody has.
        out_of_scope: what it is not for.
        licence: SPDX id of the weights' licence.
        language: code of the language it answers in, such as ``en``.
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    results = [
        EvalResult(
            task_type="text-generation",
            task_name="behaviour suite",
            dataset_type="labkit-suite",
            dataset_name=item.name,
            dataset_config=item.name,  # results of one configuration are put together, and each requirement is its own
            metric_type="pass_rate",
            metric_value=round(float(item.numbers["rate"] or 0), 4),
            metric_args={
                "n": int(item.numbers["n"] or 0),
                **{end: round(float(item.numbers[end] or 0), 4) for end in ("low", "high")},
            },
        )
        for item in decision.items
        if item.numbers.get("n") and {"rate", "seed_cases"} <= item.numbers.keys()
    ]
    data = ModelCardData(
        model_name=inline(decision.candidate),
        base_model=manifest.base,
        library_name="peft",
        tags=["labkit", manifest.kind],
        license=licence or None,
        language=language or None,
        eval_results=results or None,
    )
    with open(ModelCard.default_template_path, encoding="utf-8") as stream:
        template = re.sub(r"<!--.*?-->", "", stream.read(), flags=re.S)  # advice to authors, not to readers
    filled = {name: value for name, value in _filled(manifest, decision, signature).items() if value}
    said = ModelCard.from_template(
        data, template_str=template, direct_use=inline(purpose), out_of_scope_use=inline(out_of_scope), **filled
    )
    body = re.sub(r"\n{3,}", "\n\n", str(said).strip())
    open_ends = "\n".join(f"- {gap}" for gap in gaps(body)) or "- None."
    return f"{body}\n\n## Gaps\n\nNobody has filled in:\n\n{open_ends}\n"


def gaps(card: str) -> list[str]:
    """What a card leaves open: section and field of every place where the template still asks for information."""
    found: dict[str, None] = {}
    section = ""
    for line in card.splitlines():
        if heading := re.match(r"#{2,4} (.+)", line):
            section = heading[1]
        elif _NEEDED in line:
            field = re.match(r"- \*\*(.+?):\*\*", line)
            named = f"{section}: {field[1]}" if field else section
            found[named.replace(" [optional]", "")] = None
    return list(found)


def _filled(manifest: Manifest, decision: Decision, signature: Signature | None) -> dict[str, str]:
    """The template's fields that manifest and decision can fill."""
    limits = [item.sentence for item in decision.items if item.outcome in ("no-go", "inconclusive")]
    dropped = ", ".join(f"{n} {why}" for why, n in manifest.rows_dropped.items() if n)
    parent = f", from adapter {manifest.parent_sha256[:12]}" if manifest.parent_sha256 else ""
    settings = ", ".join(f"{name} {value}" for name, value in sorted(manifest.settings.items()))
    said = {
        "model_id": decision.candidate,
        "model_description": f"A {manifest.kind} adapter on {manifest.base}{parent}; weights {manifest.weights_sha256[:12]}.",
        "model_type": f"LoRA adapter ({manifest.kind})",
        "base_model": manifest.base,
        "training_data": f"{manifest.rows_trained} of {manifest.rows_in} rows; data {manifest.data_sha256[:12]}. "
        "labkit lineage names the raw files and their licences.",
        "preprocessing": f"Rows left out: {dropped or 'none'}.",
        "training_regime": settings,
        "speeds_sizes_times": f"{manifest.steps} steps in {manifest.seconds / 60:.1f} minutes; "
        f"loss {manifest.first_loss:.3f} to {manifest.last_loss:.3f}.",
        "testing_data": f"The behaviour suite, judged under the policy '{decision.policy}'.",
        "testing_factors": "Requirements, each by its severity.",
        "testing_metrics": "Share of cases passed with its 95% Wilson interval; deterministic oracles, greedy decoding.",
        "results_summary": decision.sentence,
        "hardware_type": manifest.device,
        "hours_used": f"{manifest.seconds / 3600:.2f}",
        "hardware_requirements": manifest.device,
        "software": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        "more_information": f"Signed: {signature or 'by nobody yet.'}",
    }
    listed = {
        "bias_risks_limitations": limits or ["None that the suite could show."],
        "results": [f"[{item.outcome}] {item.sentence}" for item in decision.items],
    }
    return {name: inline(value) for name, value in said.items()} | {
        name: "\n".join(f"- {inline(line)}" for line in lines) for name, lines in listed.items()
    }


def section(card: str, name: str) -> str:
    """What stands under a heading of a card, down to the next heading of any depth; nothing where there is none."""
    found = re.search(rf"^#+ {re.escape(name)}\n(.*?)(?=^#|\Z)", card, flags=re.M | re.S)
    return found[1].strip() if found else ""
