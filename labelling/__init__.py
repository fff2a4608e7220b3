"""Labelled images: an index in SQLite and image files; in from and out to class folders."""

import inference  # noqa: F401  (first: it tells the libraries to report nothing)
