"""Who may do what: rules, sign-in, limits, and the routes of teachers."""
