"""A Kubernetes API that unmodified clients work with, in memory and in one process.

``store`` holds the objects, ``server`` speaks HTTP, ``controllers`` and ``pods`` bring
workloads to life. Nothing of the product is imported here.
"""
