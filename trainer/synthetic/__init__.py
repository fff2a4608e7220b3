"""Rendered images: hot dogs and other food, and out-of-distribution images."""
