"""What goes over HTTP: requests read, answers written, statuses chosen."""
