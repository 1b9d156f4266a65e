"""Tests of the second package, on every database that it has a provider for."""
