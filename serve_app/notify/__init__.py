"""What happened leaves here for whoever asked to be told: views of a job, webhooks, and the client that sends them."""
