"""The target layer of the maps, and the layout of its output."""
