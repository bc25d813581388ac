"""Start one run as several processes under accelerate; one YAML file for each kind of data parallelism."""
