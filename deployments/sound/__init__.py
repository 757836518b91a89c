"""Models of sound with weights: a prompt goes in, samples of a diffusion model come out."""
