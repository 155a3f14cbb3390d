"""Grade the submissions of a class: each in its sandbox, with points and a page for each student."""
