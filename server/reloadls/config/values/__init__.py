"""From parts to an object: merge, fit to the model, validate, compare; and what must not be shown. Pure."""
