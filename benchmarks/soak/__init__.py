"""Long attacks: mutated files, kills at random moments, and a page under load and abuse."""
