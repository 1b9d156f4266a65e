"""The numbered promises, each with tests that can fail."""
