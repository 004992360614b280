"""Assignments, questions, criteria."""
