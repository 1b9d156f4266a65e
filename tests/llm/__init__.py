"""Tests of the layer that talks to language models, against a real HTTP server."""
