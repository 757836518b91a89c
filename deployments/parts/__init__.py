"""What other models are composed with: texts and sounds go in, scores and vectors come out."""
