"""Rendered images: hot dogs and other food, and images of nothing that was taught."""
