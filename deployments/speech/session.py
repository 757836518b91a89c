"""ONNX graphs as sessions of onnxruntime: checked by hash, with threads and memory that do not grow."""

from pathlib import Path
from typing import Any

from deployments.contract import LoadFailed
from deployments.weights.hashes import sha256_of


def open_graph(path: Path, sha256: str, threads: int) -> Any:
    """The session of an ONNX file with this hash; `run` is safe from several threads, each computes in its own.

    Raises LoadFailed that says what was looked for and what was found.
    """
    try:
        import onnxruntime

        found = sha256_of(path)
    except ImportError as error:
        raise LoadFailed(f"onnxruntime cannot be loaded: {error}; run scripts/setup") from error
    except OSError as error:
        raise LoadFailed(f"{path} cannot be read: {error}") from error
    if found != sha256:
        raise LoadFailed(f"{path} has sha256 {found}, expected {sha256}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_mem_pattern = False  # a pattern per length is kept for ever, and no two texts have the same
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads leave the core alone
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        raise LoadFailed(f"{path} cannot be opened by onnxruntime: {str(error).splitlines()[0]}") from error
