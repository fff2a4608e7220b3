"""Training of a whole network: linear probe, then fine-tuning, by validation."""
