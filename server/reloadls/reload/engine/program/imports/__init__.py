"""What a change of files or of imports means for the modules that are loaded."""
