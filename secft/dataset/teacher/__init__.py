"""Examples that a teacher model writes from passages of documents, and what is accepted of them."""
