"""A million strange prompts: does the text side of the product ever crash, crawl or contradict itself?"""
