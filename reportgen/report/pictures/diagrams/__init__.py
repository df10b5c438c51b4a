"""One diagram a module: from numbers and words to finished SVG with its text alternative."""
