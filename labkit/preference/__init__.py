"""Preference: blind rankings of answers, what they are worth, and the training rows that come out of them."""
