"""What a network returns, recognized by its values, and the logits in it."""
