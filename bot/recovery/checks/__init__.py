"""Whether what was restored works, and whom it would speak to; restores and drills ask alike."""
