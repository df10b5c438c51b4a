"""Which layer the maps come from, and how its output is read."""
