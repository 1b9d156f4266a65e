"""What finds: lexical and vector indexes of one scope, fused, within a memory budget."""
