"""Statistics, XLSX, CSV."""
