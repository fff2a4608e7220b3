"""Image files, and what looks alike; no SQL."""
