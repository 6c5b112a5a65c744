"""Widgets for JupyterLab and for the rendered pages: their Python side, their scripts, their colours."""
