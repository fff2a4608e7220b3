"""Labelled images and versions in from elsewhere and out to elsewhere."""
