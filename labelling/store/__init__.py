"""The SQLite index of labelled images; `Store` is its only door."""
