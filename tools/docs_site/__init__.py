"""The generated pages of the documentation site, and its links to files outside of docs/: hooks of MkDocs, see mkdocs.yml."""
