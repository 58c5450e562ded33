"""Container images without a daemon: built reproducibly, pushed by digest, nothing sent twice."""
