"""Numbers and findings as text: the one place where per cent, rounding and sentences exist."""
