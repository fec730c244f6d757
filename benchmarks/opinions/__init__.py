"""Survey opinions: is a model's distribution of answers its country's?"""
