"""Labelled images: an index in SQLite and image files; in from and out to class folders."""
