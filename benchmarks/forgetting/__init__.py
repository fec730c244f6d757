"""Forgetting: does a tuned model still reason as its base does?"""
