"""`reloadls demo`: the service and hot reload at work, and the proof that its reports equal the disk."""
