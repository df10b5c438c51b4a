"""Arrays to pictures: sprites for the pages, figures and charts to take away."""
