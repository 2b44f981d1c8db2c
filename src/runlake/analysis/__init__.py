"""What is worked out of what runs recorded."""
