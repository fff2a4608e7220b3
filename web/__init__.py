"""The Gradio page, one module a tab; the only importer of gradio."""

import inference  # noqa: F401  (first: it tells the libraries to report nothing)
