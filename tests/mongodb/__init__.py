"""What is MongoDB's own: versions of rows, turns and leases, JSON as strings, and what its driver's errors mean."""
