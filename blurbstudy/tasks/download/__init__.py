"""Public data: manifest, download, verification, rebuilt files."""
