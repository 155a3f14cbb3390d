"""What the engine keeps in files: networks, and files that are written whole or not at all."""
