"""Our samplers against the published schedulers, and what a sampler must do by itself."""

from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from deployments.denoise.samplers import LinearSampler, euler_flow, first_order, from_config, multistep
from deployments.denoise.schedules import Schedule, discrete_schedule, edm_schedule, flow_schedule

AUDIOLDM = {
    "beta_start": 0.0015,
    "beta_end": 0.0195,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
DPM = {name: AUDIOLDM[name] for name in ("beta_start", "beta_end", "beta_schedule")}
STABLE = {"sigma_min": 0.3, "sigma_max": 500, "sigma_data": 1.0, "sigma_schedule": "exponential"}
V = {"prediction_type": "v_prediction"}
SDE = {"algorithm_type": "sde-dpmsolver++"}


def network(latent: torch.Tensor, timestep: float) -> torch.Tensor:
    """Something smooth and bounded that depends on the latent and on the time."""
    return torch.tanh(latent.roll(1, 0) + 0.3) * float(np.cos(timestep)) + 0.2 * latent


def run_ours(sampler: LinearSampler, noise: torch.Tensor) -> torch.Tensor:
    latent = noise * sampler.initial_scale
    while sampler.step < sampler.steps:
        prediction = network(sampler.scaled(latent), sampler.timestep)
        latent = sampler.advance(latent, prediction)
    return latent


def run_theirs(scheduler: Any, steps: int, noise: torch.Tensor, **more: Any) -> torch.Tensor:
    scheduler.set_timesteps(steps)
    latent = noise * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        prediction = network(scheduler.scale_model_input(latent, timestep), float(timestep))
        latent = scheduler.step(prediction, timestep, latent, **more).prev_sample
    return latent


PUBLISHED: list[tuple[str, dict[str, Any]]] = [
    ("DDIMScheduler", AUDIOLDM),
    ("DDIMScheduler", AUDIOLDM | V),
    ("DDIMScheduler", AUDIOLDM | {"set_alpha_to_one": True, "steps_offset": 0}),
    ("DPMSolverMultistepScheduler", DPM),
    ("DPMSolverMultistepScheduler", DPM | V | {"timestep_spacing": "leading", "steps_offset": 1}),
    ("DPMSolverMultistepScheduler", DPM | {"timestep_spacing": "trailing", "final_sigmas_type": "sigma_min"}),
    ("DPMSolverMultistepScheduler", DPM | SDE),
    ("DPMSolverMultistepScheduler", DPM | SDE | {"euler_at_final": True, "final_sigmas_type": "sigma_min"}),
    ("EDMDPMSolverMultistepScheduler", STABLE | V),
    ("EDMDPMSolverMultistepScheduler", STABLE | V | SDE),
    ("EDMDPMSolverMultistepScheduler", {"sigma_schedule": "karras"}),
]
# Theirs at one step of an EDM schedule starts at its lowest level, which the first latent is not made for.
CASES = [(*case, steps) for case in PUBLISHED for steps in (1, 2, 10, 15, 33) if steps > 1 or "EDM" not in case[0]]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers
@pytest.mark.parametrize(("name", "config", "steps"), CASES)
def test_a_run_equals_that_of_the_published_scheduler(name: str, config: dict[str, Any], steps: int) -> None:
    scheduler = getattr(diffusers, name).from_config(config)
    noise = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    theirs = run_theirs(scheduler, steps, noise, generator=generators[0])
    ours = run_ours(from_config(config | {"_class_name": name}, steps, generators[1]), noise)
    assert float((ours - theirs).norm() / theirs.norm()) < 2e-5


@pytest.mark.parametrize("steps", [1, 2, 25, 100])
def test_a_flow_equals_the_published_euler_steps(steps: int) -> None:
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000)
    noise = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps))
    theirs = noise
    for timestep in scheduler.timesteps:
        theirs = scheduler.step(network(theirs, float(timestep) / 1000), timestep, theirs).prev_sample
    ours = run_ours(euler_flow(steps), noise)
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-6


def test_a_solver_of_second_order_gains_more_from_more_steps() -> None:
    """For Gaussian data the exact network and the exact end are known: order 2 gets there in fewer steps."""
    mean, spread, start = 1.5, 0.5, 7.0

    def error(sampler: LinearSampler, schedule: Schedule) -> float:
        latent = torch.tensor([start], dtype=torch.float64)
        for k, row in enumerate(sampler.table):
            data = mean + spread**2 / (spread**2 + schedule.sigmas[k] ** 2) * (latent - mean)
            latent = sampler.advance(latent, (data - row.skip * latent) / row.out)
        shrunk = np.hypot(spread, schedule.sigmas[-1]) / np.hypot(spread, schedule.sigmas[0])
        return abs(float(latent[0]) - (mean + shrunk * (start - mean)))

    def both(steps: int) -> tuple[float, float]:
        schedule = edm_schedule({"sigma_min": 0.02, "sigma_max": 20, "final_sigmas_type": "sigma_min"}, steps)
        return error(first_order(schedule), schedule), error(multistep(schedule), schedule)

    (first_20, second_20), (first_40, second_40) = both(20), both(40)
    assert first_20 / first_40 == pytest.approx(2, rel=0.2)
    assert second_20 / second_40 == pytest.approx(4, rel=0.3)
    assert second_20 < first_20 / 3


def test_a_stochastic_sampler_draws_from_its_own_generator_only() -> None:
    noise = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    schedule = discrete_schedule(DPM, 12, multistep=True)
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(runs))  # the global stream must not matter
        runs.append(run_ours(multistep(schedule, torch.Generator().manual_seed(seed)), noise))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize(
    "config",
    [
        {"_class_name": "PNDMScheduler"},
        {"_class_name": "DDIMScheduler", "clip_sample": True},
        {"_class_name": "DDIMScheduler", "beta_schedule": "squaredcos_cap_v2"},
        {"_class_name": "DDIMScheduler", "timestep_spacing": "odd"},
        {"_class_name": "DDIMScheduler", "prediction_type": "sample"},
    ],
)
def test_what_is_not_known_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"known|clip"):
        from_config(config, 10, torch.Generator())


def test_more_steps_than_the_network_was_trained_with_are_refused() -> None:
    with pytest.raises(ValueError, match="1001 steps were asked; the model was trained with 1000"):
        from_config(AUDIOLDM | {"_class_name": "DDIMScheduler"}, 1001, torch.Generator())
    assert flow_schedule(3).steps == 3
