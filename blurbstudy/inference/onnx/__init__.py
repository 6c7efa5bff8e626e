"""Models as ONNX: exported with torch, checked against it, and run without it."""
