"""One rule a module; a rule is a function from a statement and its grants to violations."""
