"""Bytes to text: one reader a format, roster reading and matching."""
