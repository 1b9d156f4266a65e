"""What memories are: records, their owners, their changes, over any record store."""
