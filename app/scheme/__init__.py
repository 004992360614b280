"""Marking schemes as text that people write: the types, the parser, the canonical form."""
