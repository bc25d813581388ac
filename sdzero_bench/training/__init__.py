"""What a method calls: sampling, fine-tuning, self-distillation and policy gradients under one budget."""
