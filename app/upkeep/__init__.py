"""Upkeep: what admins look at and mend beyond single domains. It answers the command line, `/health` and `/metrics`."""
