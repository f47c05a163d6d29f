"""The hot path of dictionary learning on a GPU, in Triton.

Nothing here is imported before a tensor asks for it: see `semascope.kernels.devices`.
"""
