"""Who did what and when: written beside the deed, only ever added to."""
