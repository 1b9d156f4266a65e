"""Language models behind one narrow seam: chat with a schema, pictures, speech to text, vectors."""
