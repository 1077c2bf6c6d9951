"""What rewriting does to retrieval: the user's question, its rewrite, and both together."""
