# Good
user_id = str(uuid.uuid4())  # UUID
user_id = f"user_{user.id}"  # Database ID
user_id = user.email          # Email (if unique)

# Avoid
user_id = "user1"  # Too generic
user_id = user.name  # May not be unique
