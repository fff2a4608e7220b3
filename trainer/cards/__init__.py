"""What a version says of itself: `README.md` and its plots."""
