"""The dial: worlds between `slips` and `habits`, and what SD-Zero gains over other methods in each."""
