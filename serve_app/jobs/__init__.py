"""A checked request becomes a job here, and the job runs: plan, acceptance, places, attempts, fallback, end."""
