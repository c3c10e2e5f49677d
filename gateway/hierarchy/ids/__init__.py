"""Ids of projects, accounts and models."""
