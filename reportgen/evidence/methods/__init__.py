"""How the families of methods compute maps from a forward."""
