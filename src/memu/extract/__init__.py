"""Text to memory items by rules: no model, no key, no network."""
