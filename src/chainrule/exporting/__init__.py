"""ONNX export, parity and the bundle."""
