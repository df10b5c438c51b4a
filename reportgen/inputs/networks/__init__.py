"""From a model spec to a classifier: the user's own code, libraries, saved networks and their weights."""
