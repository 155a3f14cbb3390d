"""The gradient check: of our own layers (checker), and of somebody else's files (students)."""
