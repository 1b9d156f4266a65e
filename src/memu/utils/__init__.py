"""Helpers for what memories hold: calls of tools, and references to items."""
