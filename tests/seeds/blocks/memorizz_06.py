import logging
logging.basicConfig(level=logging.DEBUG)

# Your provider code here
