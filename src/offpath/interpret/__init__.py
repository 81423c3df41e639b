"""What trained and handcrafted weights hold, and how the loss looks around them."""
