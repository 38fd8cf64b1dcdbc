"""What this machine is made of: memory, fast arithmetic, NVIDIA cards. Asks the system, never torch."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

GB = 10**9
GPU_MEMORY = 7.5 * GB  # cards sold as 8 GB report between 7.6 and 8.6 GB


class Gpu(NamedTuple):
    """An NVIDIA card as nvidia-smi sees it."""

    name: str
    memory: float  # bytes


def profile() -> Literal["cpu", "gpu"]:
    """Which device profile the lab uses: "gpu" with an NVIDIA card of 8 GB or more that torch can use."""
    usable = [card for card in gpus() if card.memory >= GPU_MEMORY]
    return "gpu" if usable and torch_cuda() else "cpu"


def fast_bf16() -> str:
    """Name of the processor feature that makes bf16 fast, or nothing."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"^(?:flags|Features)\s*:(.*)$", info.read_text(errors="replace"), re.MULTILINE)
        words = found[1].split() if found else []
        return next((flag for flag in ("amx_bf16", "avx512_bf16", "bf16") if flag in words), "")
    if sys.platform == "darwin":
        answer = _ask("sysctl", "-n", "hw.optional.arm.FEAT_BF16")
        return "FEAT_BF16" if answer.strip() == "1" else ""
    return ""


def _ask(*command: str) -> str:
    """Standard output of a small system tool; nothing when it is missing, slow or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def gpus() -> list[Gpu]:
    """The NVIDIA cards this process may use, CUDA_VISIBLE_DEVICES respected."""
    rows = _ask("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits").splitlines()
    cards = []
    for row in rows:
        name, _, mib = row.rpartition(",")
        if mib.strip().isdigit():
            cards.append(Gpu(name.strip(), int(mib) * 2**20))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return cards
    wanted = [part.strip() for part in visible.split(",")]
    if any(part.startswith(("GPU-", "MIG-")) for part in wanted):  # names, not numbers: as many cards as names
        return cards[: len(wanted)]
    return [cards[int(part)] for part in wanted if part.isdigit() and int(part) < len(cards)]


def torch_cuda() -> bool:
    """Whether the installed torch was built for CUDA, read from its version file without importing it."""
    spec = importlib.util.find_spec("torch")
    if not spec or not spec.submodule_search_locations:
        return False
    version = Path(spec.submodule_search_locations[0]) / "version.py"
    return version.exists() and bool(re.search(r"^cuda\b[^=]*=\s*['\"]", version.read_text(), re.MULTILINE))


def memory() -> tuple[int, int] | None:
    """Free and total memory in bytes, a container's own limit respected; nothing when psutil is not installed."""
    if not importlib.util.find_spec("psutil"):
        return None
    import psutil

    seen = psutil.virtual_memory()
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else ""
    total = min(seen.total, int(text)) if text.isdigit() else seen.total
    return min(total, seen.available), total
