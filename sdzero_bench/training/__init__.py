"""What a method may call: sampling, fine-tuning, self-distillation and policy gradients on one budget."""
