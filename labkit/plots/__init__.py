"""Figures, each with a twin of plain numbers: ``table()`` for checks and ``text()`` for readers who see no figure."""

from labkit.plots.curves import dpo_curves, training_curves
from labkit.plots.reward import calibration
from labkit.plots.style import Plot, colour
from labkit.plots.verdicts import before_after, flips, requirement_rates

__all__ = ["Plot", "before_after", "calibration", "colour", "dpo_curves", "flips", "requirement_rates", "training_curves"]
