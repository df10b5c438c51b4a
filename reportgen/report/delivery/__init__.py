"""Files to a folder, an archive or one page to mail, and the check that they are as written."""
