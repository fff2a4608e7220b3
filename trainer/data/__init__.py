"""Labelled images of a training: read, deduplicated, corrected, split, loaded."""
