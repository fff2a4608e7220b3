"""Labelled images in, trained and frozen versions out; one command a stage."""
