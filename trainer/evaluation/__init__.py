"""What is measured of a version, and how it compares with another."""
