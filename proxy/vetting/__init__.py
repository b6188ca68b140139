"""Wall one: text becomes a statement, and a statement a verdict. No I/O here."""

from proxy.vetting.vet import vet

__all__ = ["vet"]
