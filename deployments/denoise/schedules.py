"""Noise levels of a denoising run: latent = alpha * data + sigma * noise, from noise to data.

Each function gives the levels for a number of steps in the way of one family of published checkpoints; the
configurations are the `scheduler_config.json` of diffusers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Prediction = Literal["epsilon", "v_prediction", "velocity", "edm_v", "edm_epsilon"]


@dataclass(frozen=True)
class Schedule:
    """`steps` + 1 noise levels, the last of them the end, and what the network is told and predicts at the others.

    `timesteps` (steps,), `alphas` and `sigmas` (steps + 1,). `prediction`: what the network's output means (noise,
    v of Salimans and Ho 2022, velocity of a flow, or the preconditioned outputs of Karras et al. 2022 with
    `sigma_data`). `initial_scale` multiplies unit noise to give the first latent.
    """

    timesteps: Array
    alphas: Array
    sigmas: Array
    prediction: Prediction
    initial_scale: float = 1.0
    sigma_data: float = 1.0

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.timesteps)

    def data_of(self, step: int) -> tuple[float, float]:
        """(skip, out): the data that a prediction means is skip * latent + out * prediction."""
        alpha, sigma, data = float(self.alphas[step]), float(self.sigmas[step]), self.sigma_data
        if self.prediction == "epsilon":
            return 1 / alpha, -sigma / alpha
        if self.prediction == "v_prediction":
            return alpha, -sigma
        if self.prediction == "velocity":
            return 1.0, -sigma
        size = math.hypot(sigma, data)
        sign = -1 if self.prediction == "edm_v" else 1
        return (data / size) ** 2, sign * sigma * data / size

    def input_scale(self, step: int) -> float:
        """What the latent is multiplied by before the network sees it."""
        if self.prediction in ("edm_v", "edm_epsilon"):
            return 1 / math.hypot(float(self.sigmas[step]), self.sigma_data)
        return 1.0


def flow_schedule(steps: int) -> Schedule:
    """A rectified flow in equal steps: sigma = 1, (steps - 1) / steps, ..., 0, which is also the network's time."""
    sigmas = np.linspace(1, 0, steps + 1)
    return Schedule(sigmas[:-1], 1 - sigmas, sigmas, "velocity")


def discrete_schedule(config: Mapping[str, Any], steps: int, *, multistep: bool = False) -> Schedule:
    """Levels of a network trained on discrete timesteps (DDPM), from its DDIM or DPM-Solver configuration.

    `multistep`: place the timesteps as DPM-Solver does, which leaves the end out of the spacing. Raises ValueError for
    what no published audio model uses (clipping, thresholding, other beta schedules).
    """
    if config.get("thresholding") or config.get("clip_sample"):
        raise ValueError("schedules that clip or threshold the sample are made for images, not for latents of sound")
    kept = kept_power(config)
    times = spaced(config, steps, multistep)
    if multistep:
        end = 1.0 if config.get("final_sigmas_type", "zero") == "zero" else float(kept[0])
    else:
        end = 1.0 if config.get("set_alpha_to_one", True) else float(kept[0])
    power = np.append(kept[times], end)
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in ("epsilon", "v_prediction"):
        raise ValueError(f"prediction_type '{prediction}' is not known here; known are epsilon and v_prediction")
    return Schedule(times.astype(np.float64), np.sqrt(power), np.sqrt(1 - power), prediction)


def kept_power(config: Mapping[str, Any]) -> Array:
    """Share of the data's power that is left at each timestep of training: the cumulative product of 1 - beta."""
    count = int(config.get("num_train_timesteps", 1000))
    first, last = float(config.get("beta_start", 1e-4)), float(config.get("beta_end", 0.02))
    kind = config.get("beta_schedule", "linear")
    if kind == "linear":
        betas = np.linspace(first, last, count)
    elif kind == "scaled_linear":
        betas = np.linspace(math.sqrt(first), math.sqrt(last), count) ** 2
    else:
        raise ValueError(f"beta_schedule '{kind}' is not known here; known are linear and scaled_linear")
    return np.asarray(np.cumprod(1 - betas))


def spaced(config: Mapping[str, Any], steps: int, multistep: bool) -> NDArray[np.int64]:
    """Training timesteps that a run of `steps` visits, falling (Lin et al. 2023, arXiv 2305.08891, table 2)."""
    count = int(config.get("num_train_timesteps", 1000))
    kind = config.get("timestep_spacing", "linspace" if multistep else "leading")
    points = steps + 1 if multistep else steps
    if not 1 <= steps <= count:
        raise ValueError(f"{steps} steps were asked; the model was trained with {count}")
    rising: NDArray[Any]
    if kind == "leading":
        rising = np.arange(points) * (count // points) + int(config.get("steps_offset", 0))
    elif kind == "linspace":
        rising = np.linspace(0, count - 1, points).round()
    elif kind == "trailing":
        rising = np.arange(count, 0, -count / steps).round()[::-1] - 1
    else:
        raise ValueError(f"timestep_spacing '{kind}' is not known here; known are leading, linspace, trailing")
    return rising[::-1][:steps].astype(np.int64)


def edm_schedule(config: Mapping[str, Any], steps: int) -> Schedule:
    """Levels of a network preconditioned as in Karras et al. 2022 (arXiv 2206.00364): alpha stays 1.

    For `EDMDPMSolverMultistepScheduler` the network is told log(sigma) / 4, for
    `CosineDPMSolverMultistepScheduler` (Stable Audio) atan(sigma) * 2 / pi.
    """
    low, high = float(config.get("sigma_min", 0.002)), float(config.get("sigma_max", 80))
    if config.get("sigma_schedule", "karras") == "karras":
        rho = float(config.get("rho", 7))
        sigmas = np.linspace(high ** (1 / rho), low ** (1 / rho), steps) ** rho
    else:
        sigmas = np.exp(np.linspace(math.log(high), math.log(low), steps))
    cosine = str(config.get("_class_name", "")).startswith("Cosine")
    times = np.arctan(sigmas) * 2 / math.pi if cosine else np.log(sigmas) / 4
    end = 0.0 if config.get("final_sigmas_type", "zero") == "zero" else low
    return Schedule(
        times,
        np.ones(steps + 1),
        np.append(sigmas, end),
        "edm_v" if config.get("prediction_type") == "v_prediction" else "edm_epsilon",
        initial_scale=math.sqrt(high**2 + 1),
        sigma_data=float(config.get("sigma_data", 1.0 if cosine else 0.5)),
    )
