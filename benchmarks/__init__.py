"""Side-by-side measurements. ``python -m benchmarks.NAME`` prints a table; ``--json`` adds one JSON line at the end."""
