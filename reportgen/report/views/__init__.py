"""What a template sees: text and relative URLs, nothing to compute. One module a kind of page."""
