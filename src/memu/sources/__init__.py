"""What was given, read and bounded: files, URLs, text and messages become a `Source`."""
