"""Side-by-side measurements: ours against what one would run instead, in one go."""
