"""The local web pages: runs looked at in a browser instead of as JSON."""
