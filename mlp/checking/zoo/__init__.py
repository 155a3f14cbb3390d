"""Planted mistakes and correct variants, on which the check of other people's files is tried."""
