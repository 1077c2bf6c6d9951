"""The real embedded optimizer under mixed load for as long as you like: does it keep its promises, and its memory?"""
