"""What fields the served kinds have: facts from the published OpenAPI documents."""
