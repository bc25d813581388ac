"""The paper's tables, figures and claims, from records."""
