"""What commands about backups share: which one is meant, what it holds, how it is restored."""
