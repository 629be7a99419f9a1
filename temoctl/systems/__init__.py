"""One folder per outside system. Systems know the model and engine.protocol, never each other.

`http` and `fake_http` here are the two things HTTP systems share: how a call is made and judged, and how a stand-in
is served. Neither knows a vendor.
"""
