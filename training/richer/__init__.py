"""Turns audio into the feature set `gtzan57+`, and both sets' accuracies into whether more features help.

An experiment of training alone: the service computes `gtzan57`.
"""
