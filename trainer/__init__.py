"""PyTorch side: labelled images in, trained and frozen networks out; one command a stage."""
