"""Side-by-side measurements: ours against what one would run instead, in one go."""

import inference  # noqa: F401  (first: it tells the libraries to report nothing)
