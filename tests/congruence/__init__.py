"""The same operations and questions on every backend, side by side."""
