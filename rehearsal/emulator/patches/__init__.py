"""Where the emulator differs from AWS: one function patches each gap."""

from rehearsal.emulator.patches.apply import apply

__all__ = ["apply"]
