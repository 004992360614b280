"""Uploads, papers, answers."""
