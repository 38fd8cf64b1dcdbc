"""Before and after a training: will it fit here, how long does it take elsewhere, and does what is handed over answer alike?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit import samples
from labkit.formats import read_rows
from labkit.lesson.course import Course
from labkit.lesson.domains import DOMAINS
from labkit.lesson.recorded import recorded
from labkit.lesson.table import Table
from labkit.records import Example
from labkit.training.export import Exported, Target, export, read_export
from labkit.training.fit import Device, Fit, estimate, here, token_lengths
from labkit.training.presets import PRESETS
from labkit.training.rows import encode, encode_all
from labkit.training.settings import SFTSettings
from labkit.training.sizes import read_sizes
from labkit.training.step import model_id

MEASURED = "learning-fresh"  # the benchmark whose training was measured with the samples as they are


def _rows(domain: str) -> list[Example]:
    """Training rows of a domain; where they are not curated yet, the raw ones with an answer."""
    folder = samples.path(domain)
    found, _ = read_rows(folder / ("train.jsonl" if domain == "support" else "raw.jsonl"))
    return [row for row in found if row.response.strip()]


def accounting(tokenizer: Any) -> Table:
    """What a training would read and learn in each sample domain."""
    lines = []
    for domain in DOMAINS:
        found = _rows(domain)
        kept, findings = encode_all(found, tokenizer, SFTSettings().max_length)
        tokens, trained = sum(len(r.input_ids) for r in kept), sum(sum(r.completion_mask) for r in kept)
        lines.append(
            {
                "domain": domain, "rows": len(found), "left out": len(findings), "tokens": tokens,
                "trained": f"{trained / tokens:.0%}", "longest row": max(len(encode(r, tokenizer).input_ids) for r in found),
            }
        )  # fmt: skip
    return Table(lines)


def _fit(rows: Sequence[Example], base: str | Path, device: Device) -> Fit | None:
    sizes, settings = read_sizes(base), SFTSettings()
    return sizes and estimate("sft", settings, sizes, token_lengths("sft", rows, base), device, settings.lora)


def fits(course: Course) -> Table:
    """Whether an SFT run of each domain fits this machine, and the minutes it would take, before anything is loaded."""
    device, lines = here(), []
    for domain in DOMAINS:
        fit = _fit(course.examples if domain == "support" else _rows(domain), course.base, device)
        if fit is not None:
            lines.append(
                {
                    "domain": domain, "steps": fit.steps, "minutes, about": f"{fit.minutes:.0f}",
                    "memory, GB": f"{fit.memory_gb:.1f}", "free, GB": "unknown" if fit.free_gb is None else f"{fit.free_gb:.1f}",
                    "verdict": "fits" if fit.fits and not fit.mend else f"{'tight' if fit.fits else 'refused'}: {fit.mend}",
                }
            )  # fmt: skip
    return Table(lines)


def runtimes(course: Course) -> Table:
    """The same training on several devices; each line says whether somebody measured it."""
    base = str(course.base.name)
    lines = []
    found = recorded(MEASURED)
    if "training_seconds" in found.result:
        seconds, stamp = found.result["training_seconds"], found.stamps
        lines.append(
            _line(stamp.get("device", "?"), base, f"{seconds / 60:.1f}", "", f"measured, {stamp.get('date', '?')}")
        )
    if fit := _fit(course.examples, course.base, here()):
        lines.append(_line("this machine", base, f"{fit.minutes:.1f}", f"{fit.memory_gb:.1f}", "estimated just now"))
    lengths = token_lengths("sft", course.examples, course.base)
    for preset in PRESETS:
        if preset.hub is not None:
            settings = SFTSettings(**preset.settings())
            device = Device("gpu", preset.from_memory, preset.speed)
            fit = estimate("sft", settings, preset.sizes, lengths, device, settings.lora)
            lines.append(_line(preset.card, preset.model, f"{fit.minutes:.1f}", f"{fit.memory_gb:.1f}", "estimated"))
    return Table(lines)


def _line(device: str, model: str, minutes: str, memory: str, how: str) -> dict[str, str]:
    return {
        "device": device,
        "model": model,
        "minutes": minutes,
        "memory, GB": memory or "not recorded",
        "how known": how,
    }


def handed_over(course: Course, to: Target = "merged") -> Exported:
    """The tuned model exported and checked with 20 prompts of the first suite; found again when nothing has changed."""
    tuned, name = course.sft(), f"export-{to}"

    def work(scratch: Path) -> None:
        from labkit.evaluation.export_check import check_export, prompts

        export(tuned.adapter, scratch / name, to, course.base)
        suite = course.suites.get("support") or next(iter(course.suites.values()))
        check_export(tuned.adapter, scratch / name, prompts(suite), course.base)

    return read_export(
        course.home.run(
            "training",
            name,
            work,
            outputs=[name],
            inputs=[tuned.folder],
            parameters={"to": to, "base": model_id(course.base)},
        )
    )


def export_table(made: Exported) -> Table:
    """What the export's check found."""
    check = made.check
    return Table(
        {"question": question, "answer": str(answer)}
        for question, answer in {
            "same greedy answer as the adapter, letter for letter": check and check.agreement,
            "answers that end by themselves": check and check.stopped,
            "the adapter's answers that do": check and check.adapter_stopped,
            "files": ", ".join(made.files),
        }.items()
    )
