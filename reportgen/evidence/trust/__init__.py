"""Whether the maps are right, and whether they are to be trusted."""
