"""What ails a pool: blocked loops, failures in a row, memory."""
