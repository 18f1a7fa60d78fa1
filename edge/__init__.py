"""edge: one photo, any rendition by URL."""

__version__ = "0.1.0"
