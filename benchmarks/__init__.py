"""Comparisons with the usual alternatives: `python -m benchmarks.one_pass`, `python -m benchmarks.render`."""
