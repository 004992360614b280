"""The engine. Imports no aiohttp, Redis or SQLAlchemy; runs in a plain script."""
