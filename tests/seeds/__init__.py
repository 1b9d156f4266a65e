"""Every Python block of the three documents that define this library, run as a reader would run it."""
