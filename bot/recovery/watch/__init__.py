"""The watch over every cluster's Velero: what others did, what is wrong, how apps are covered."""
