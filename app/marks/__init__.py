"""Runs, marks, evidence, history."""
