"""What happened leaves here for whoever asked to be told: webhooks, and the client that sends them."""
