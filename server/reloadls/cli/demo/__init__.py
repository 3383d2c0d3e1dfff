"""`reloadls demo`: the service and hot reload at work, and the proof that what is reported is what is on disk."""
