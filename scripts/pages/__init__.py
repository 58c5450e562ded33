"""Parts of the documentation that are written from the code (`make docs`), and its site's settings."""
