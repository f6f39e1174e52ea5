"""Benchmarks: each a program that prints its figures and the machine, side by side in one run."""
