"""The model card: what the model is, what made it, what was tested, and who answers for it. Markdown for people."""

from __future__ import annotations

from labkit.printable import plain
from labkit.release.gate import Decision
from labkit.release.sign import Signature
from labkit.training.adapter import Manifest


def text(manifest: Manifest, decision: Decision, purpose: str, signature: Signature | None = None) -> str:
    """The card as Markdown.

    Args:
        manifest: of the adapter to be released.
        decision: the gate's word on it; its broken and undecided items become the known limits.
        purpose: what the model is for and what it is not, in a person's words.
        signature: who signed, if anybody has.
    """
    limits = [item.sentence for item in decision.items if item.outcome in ("no-go", "inconclusive")]
    dropped = ", ".join(f"{n} {why}" for why, n in manifest.rows_dropped.items() if n) or "none dropped"
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    parent = f", from adapter {manifest.parent_sha256[:12]}" if manifest.parent_sha256 else ""
    lines = [
        f"# Model card: {decision.candidate}",
        f"**For:** {purpose}",
        f"**Is:** a {manifest.kind} adapter on {manifest.base}{parent}; weights {manifest.weights_sha256[:12]}.",
        f"**Learned from:** {manifest.rows_trained} of {manifest.rows_in} rows ({dropped}); data {manifest.data_sha256[:12]}.",
        f"**Training:** {manifest.steps} steps in {manifest.seconds / 60:.1f} minutes on {manifest.device}; "
        f"loss {manifest.first_loss:.3f} to {manifest.last_loss:.3f}.",
        f"**Gate:** {decision.sentence}",
        "**Known limits:**",
        *(f"- {limit}" for limit in limits or ["None that the suite could show."]),
        f"**Signed:** {signature or 'by nobody yet.'}",
        f"**Versions:** {versions}.",
    ]
    return "\n\n".join(plain(line) for line in lines).replace("\n\n- ", "\n- ") + "\n"
