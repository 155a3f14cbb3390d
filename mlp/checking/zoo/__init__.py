"""What the check itself is checked on: planted mistakes, and correct layers of many styles."""
