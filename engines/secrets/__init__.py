"""Secrets in SSM Parameter Store: each is given, generated once, or composed of others."""
