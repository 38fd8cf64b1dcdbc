"""Curation: is the test data clean? Checks that turn rows into findings."""
