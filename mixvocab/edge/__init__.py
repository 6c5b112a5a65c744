"""The student on the device: export to ONNX, predict without torch, measure."""
