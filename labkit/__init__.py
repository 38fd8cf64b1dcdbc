"""labkit: the small package behind the QA fine-tuning lab. Importing it is cheap and never imports torch."""

from __future__ import annotations

import os

__version__ = "0.1.0"

# The default path never calls out. A user who wants a model from the hub sets LAB_ONLINE=1 before importing labkit.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if os.environ.get("LAB_ONLINE") != "1":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


class LabError(Exception):
    """Bad input or a broken set-up, told in one line: where, what, how to mend it.

    The command line prints it and exits with 2; a notebook shows the same sentence.
    """

    def __init__(self, where: str, what: str, mend: str):
        self.where, self.what, self.mend = where, what, mend
        super().__init__(f"{where}: {what}. {mend[:1].upper()}{mend[1:]}.")
