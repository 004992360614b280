"""Users, passwords, roles, login limits."""
