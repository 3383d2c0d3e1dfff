"""How live sessions follow a reload: which objects are affected, when they follow, and what a pin holds back."""
