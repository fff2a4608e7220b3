"""How fast the training loop and the Teach tab are."""
