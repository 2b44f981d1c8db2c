"""One run, section by section."""
