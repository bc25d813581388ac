"""`--allow-weaker-sandbox`, which several commands have."""

ALLOW_WEAKER = "Run programs that models write even where bubblewrap does not work; the tier in force is recorded."
ALLOW_WEAKER_SETTING = "verifying.allow_weaker_sandbox=true"
