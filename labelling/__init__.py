"""Labelled pictures: an index in SQLite and picture files; in from and out to class folders."""
