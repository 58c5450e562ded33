"""What can be known to be wrong before anything is touched: in the configuration first, then in the world."""
