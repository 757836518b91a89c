"""What an error of torch or CUDA means, whatever its class: too little memory, a device that is lost."""

from deployments.contract import OutOfMemory


def memory_ran_out(error: BaseException) -> bool:
    """Whether an error says that there was too little memory; torch and its libraries have several ways to."""
    if isinstance(error, OutOfMemory | MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and "CUDA" in text and ("out of memory" in text or "ALLOC_FAILED" in text)


def device_lost(error: BaseException) -> bool:
    """Whether an error has ended the device's context: every later call of this process fails as well.

    torch raises these as AcceleratorError or RuntimeError, often at a later and innocent call, since kernels run
    asynchronously.
    """
    if memory_ran_out(error):
        return False
    return type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)
