"""Text from strangers, safe to show: control and format characters become visible, so that they cannot act."""


def clean(text: str) -> str:
    r"""Text with everything unprintable but newlines and tabs as an escape; directional overrides are among it.

    >>> clean("red\x1b[31m alert")
    'red\\x1b[31m alert'
    """
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text  # nearly all text, at a hundredth of the cost
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)
