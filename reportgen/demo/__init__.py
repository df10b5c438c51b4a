"""The embedded default: a test set, a network and its weights, all small."""
