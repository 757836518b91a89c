"""English as it is written -> English in words."""


def puts_days_first(language: str) -> bool:
    """Whether 7/4/2023 is the seventh of April."""
    return language.startswith("en-") and not language.startswith("en-us")


def written_out(text: str, day_first: bool = False) -> str:
    """All in words."""
    return " ".join(text.split())
