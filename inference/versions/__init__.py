"""The version format, defined once: cards, the catalog of versions, probes."""
