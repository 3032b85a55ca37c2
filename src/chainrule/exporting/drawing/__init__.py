"""An ONNX graph as a page to look at offline: what computes what, with layers that repeat drawn once."""
