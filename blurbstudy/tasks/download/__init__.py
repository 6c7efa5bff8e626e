"""Public data: manifest, download, rebuilt files, verification."""
