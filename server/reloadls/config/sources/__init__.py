"""Where configuration comes from: one module for each kind of source."""
