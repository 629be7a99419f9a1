"""The crash table: a whole apply, update and destroy in one process, with every place to die tried."""
