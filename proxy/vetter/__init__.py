"""Vetting in a process of its own, where it can be stopped. `child` runs there, the rest beside it."""
