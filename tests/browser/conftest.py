"""The server and the browser, shared by all browser tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves it out

from jupyter_driver import browser, lab, page

__all__ = ["browser", "lab", "page"]
