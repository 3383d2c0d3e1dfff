"""One state for all worker processes of a machine: a leader fetches, the others follow its state file."""
