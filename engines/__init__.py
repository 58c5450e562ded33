"""The work of the migration, free of Ansible: one package per thing that is moved.

Modules in ``library/`` call these packages; nothing here may import Ansible or ``rehearsal``.
"""
