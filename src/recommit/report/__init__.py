"""Pages for people: every executed notebook as HTML, and one page that leads to them."""
