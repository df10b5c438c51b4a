"""Whether the maps are correct, and whether they can be trusted."""
