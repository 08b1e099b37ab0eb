"""A guest book: who was here, what they said, and a file if they left one."""
