"""How fast rewriting is, against the paper's procedure, the bare engine and the memory's limit."""
