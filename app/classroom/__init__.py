"""Kiosk pairing and live boards."""
