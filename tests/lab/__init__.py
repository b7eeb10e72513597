"""A real JupyterLab in a real browser: what `jupyter_lab` and the tests beside it need.

Everything lives in folders of the caller's, listens on loopback, and ends with it.
"""
