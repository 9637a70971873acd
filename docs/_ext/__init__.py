"""Write the reference pages from the code, and join the site's parts."""
