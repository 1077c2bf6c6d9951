"""Does the contract notice damage? Good rewrites, spoiled on purpose."""
