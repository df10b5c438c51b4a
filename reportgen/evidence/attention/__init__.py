"""Maps of a transformer's attention, recovered without touching the network."""
