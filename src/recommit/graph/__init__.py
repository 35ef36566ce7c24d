"""Shows the pipeline as a picture: what each stage follows, and the state that it is in."""
