"""Step-level batching for diffusion models: requests join and leave between denoising steps.

    denoiser.py   what a model hands to the engine: Plan, Denoiser, Sampler
    schedules.py  noise levels over the steps, by the names that checkpoints give them
    samplers.py   update rules along a schedule, one object per request
    policy.py     which requests run in the next step
    stepper.py    one step for a running set of requests
    decoder.py    finished latents -> samples, beside the denoiser, batched by length
    engine.py     the loop: submit -> encode -> steps -> decode -> samples
    graphs.py     a network's forward as CUDA graphs at fixed numbers of rows
    model.py      the base of a diffusion model's class
    placed.py     what models of published checkpoints share: weights, their place, the batched forward

A request owns its schedule, sampler history, noise, guidance and length, so its sound does not depend on its company:
relative L2 <= 1e-5 in fp32, and the same bits with `Settings.fixed_rows`.
"""
