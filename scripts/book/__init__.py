"""The solution book: what a problem says, and the forms in which it is printed."""
