"""Side by side with what a user would do instead: `python -m benchmarks.one_pass`, `python -m benchmarks.render`."""
