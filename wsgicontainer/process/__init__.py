"""The process itself: its signals, its pid file, its way out."""
