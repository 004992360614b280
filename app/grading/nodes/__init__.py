"""The graph's steps, one a module."""
