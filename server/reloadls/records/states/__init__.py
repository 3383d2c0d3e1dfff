"""What is known of each record: its last good content, when it ends, and how states differ. Pure."""
