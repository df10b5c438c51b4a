"""From findings to files: pages, pictures, charts and exports, and the one place that writes them."""
