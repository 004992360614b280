"""How well drawn papers are read: the truth beside them, and what is measured against it (`app.intake.evaluating`)."""
