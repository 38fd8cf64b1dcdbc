"""A training that runs out of memory says so, and what to change."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labkit import LabError
from labkit.training import loop
from labkit.training.adapter import Manifest


class Broken:
    """A trainer whose first step fails."""

    def __init__(self, error):
        self.error, self.model = error, SimpleNamespace(parameters=list)
        self.state = SimpleNamespace(global_step=0)

    def remove_callback(self, kind):
        pass

    def train(self, resume_from_checkpoint):
        raise self.error


def run(error, out, **settings):
    manifest = Manifest(
        kind="sft",
        base="b",
        base_sha256="",
        data_sha256="",
        settings=settings,
        rows_in=1,
        rows_trained=1,
        rows_dropped={},
    )
    return loop.run(Broken(error), None, out, manifest)


def cuda_error():
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize(
    ("error", "settings", "mend"),
    [
        (MemoryError(), {"batch_size": 4, "accumulation": 1}, "batch_size to 2 and accumulation to 2"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), {"batch_size": 3}, "batch_size to 2"),
        (cuda_error, {"batch_size": 1, "four_bit": False}, "four_bit"),
        (cuda_error, {"batch_size": 1, "four_bit": True}, "smaller model"),
    ],
)  # fmt: skip
def test_out_of_memory_comes_with_advice(tmp_path, error, settings, mend):
    with pytest.raises(LabError, match="ran out of memory") as caught:
        run(error() if callable(error) else error, tmp_path, **settings)
    assert mend in caught.value.mend and caught.value.where == "training step 1"


def test_other_errors_are_left_alone(tmp_path):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(RuntimeError("shapes cannot be multiplied"), tmp_path)
