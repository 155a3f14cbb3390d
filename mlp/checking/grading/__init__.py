"""Grade a class: each submission in its sandbox, points, and a page for each student."""
