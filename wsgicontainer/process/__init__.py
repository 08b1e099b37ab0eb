"""The process itself: its signals, its pid file, what it may open, the memory that it keeps, its way out."""
