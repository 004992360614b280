"""Pages: one module a page, one route table."""
