"""Migrations: forward only, explicit SQL, one file each."""
