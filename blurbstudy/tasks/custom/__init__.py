"""Tasks of one's own: a definition, files in the formats of the field, a dev set where there is none, an audit."""
