"""How picture files are built: each format read for its pixels alone, and for their price."""
