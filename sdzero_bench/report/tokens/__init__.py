"""One sample token by token: where student and reviser disagree."""
