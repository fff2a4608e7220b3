"""How good the answers are after few images, with wrong labels, and for unknown images."""
