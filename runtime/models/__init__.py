"""Models behind one shape: endpoints, the built-in model, embedders, and thin clients for the frameworks."""
