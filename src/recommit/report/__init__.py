"""Makes pages for people: every executed notebook as HTML, and an index."""
