"""Labelled images in, trained and frozen versions out; one command a stage."""

import inference  # noqa: F401  (first: it tells the libraries to report nothing)
