"""The parts of the viewer's page: HTML, style and scripts."""
