"""One module a file format: each reads a file that is known to be of its format into a Document."""
