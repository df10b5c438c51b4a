"""What comes in: the test set, the network with its weights, and how an image becomes the model's input."""
