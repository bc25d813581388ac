"""Tables and notes as Markdown, HTML, LaTeX, CSV and JSON."""
