"""Scores with intervals, floors to hold them against, calibration, paired comparison, figures and the report
page.
"""
