"""Pages for readers: HTML in Spanish and English, without scripts."""
