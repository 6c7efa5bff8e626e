"""Custom tasks: definition, file formats, dev split and audit."""
