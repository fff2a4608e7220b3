"""Decoding under limits: what a file is, what it costs, and its pixels."""
