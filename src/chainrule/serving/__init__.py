"""The server of exported bundles: ONNX Runtime, dynamic batching, the Open Inference Protocol, a page."""
