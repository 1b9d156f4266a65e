"""How rows are kept: one record store interface, one SQL implementation, and what differs between servers."""
