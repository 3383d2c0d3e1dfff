"""Documents: from the bytes of a file to a record, or to the reason why it is none."""
