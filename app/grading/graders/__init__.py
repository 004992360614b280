"""One grader a module."""
