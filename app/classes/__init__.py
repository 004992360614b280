"""Classes, rosters, students."""
