"""The memory that AI agents run on: memorize what was said, retrieve what matters, for one user and one agent."""

__version__ = "0.1.0"
