"""PyTorch side: labelled pictures in, trained and frozen networks out; one command a stage."""
