"""Values in, text out: plans, events, results and problems as screens, Markdown and JSON.

Pure functions over the model's and the engine's values. Computes nothing, reads nothing, decides nothing; the command
line hands it what the use cases returned and prints what comes back.
"""
