"""From the cache to findings: pure functions of arrays, without torch and without text."""
