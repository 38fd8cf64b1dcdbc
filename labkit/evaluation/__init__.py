"""Evaluation: suites of cases, oracles that judge answers, and mutants that test the oracles."""
