"""The one pass: logits and class activation maps of every example, at the price of inference."""
