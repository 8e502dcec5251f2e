"""Where revisions are kept: the ports in ``base``, and one module or package for each kind of database."""
