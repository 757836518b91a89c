"""Which delivery a task has: the only list of media."""

from collections.abc import Mapping

from deployments.contract import Task
from serve_app.deliver.delivery import Delivery
from serve_app.deliver.image import ImageDelivery
from serve_app.deliver.sound import SoundDelivery

_SOUND = SoundDelivery()

# Tasks without one belong to models that others are composed with: they take no jobs.
DELIVERIES: Mapping[Task, Delivery] = {
    "text-to-audio": _SOUND,
    "music": _SOUND,
    "speech": _SOUND,
    "image": ImageDelivery(),
}
