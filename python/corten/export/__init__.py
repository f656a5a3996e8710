"""Models for other programs: the ops of a model's inference, written as ONNX."""

from corten.export.export import export_onnx

__all__ = ["export_onnx"]
