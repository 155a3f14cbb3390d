"""Looking at networks and their training: the only rooms that draw."""
