"""The last reported state of every root, compared with the disk.

`snapshot` holds it, `scan` reads folders, `reader` runs both on the disk thread; the other modules hold their data.
"""
