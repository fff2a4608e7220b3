"""The Gradio page, one module a tab; the only importer of gradio."""
