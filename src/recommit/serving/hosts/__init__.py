"""Contracts of hosts: each module translates what one host asks, and what it is told."""
