"""What speaks for an answer being wrong: judges that never saw it, and how an item was learned."""
