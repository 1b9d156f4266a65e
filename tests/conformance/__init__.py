"""The conformance suite on the backends of this package."""
