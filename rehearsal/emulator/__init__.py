"""The emulated AWS account: MiniStack with its gaps patched.

``python -m rehearsal.emulator`` serves it in the foreground; its settings come from the environment.
"""

__all__: list[str] = []
