"""Representativeness: coverage of slices, and splits that keep train and held-out rows independent."""
