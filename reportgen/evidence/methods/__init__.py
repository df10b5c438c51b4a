"""How maps are made of what a forward leaves: one family of methods beside the other."""
